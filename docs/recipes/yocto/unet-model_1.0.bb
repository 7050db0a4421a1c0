SUMMARY = "Segmentation network for the DPU"
LICENSE = "CLOSED"

SRC_URI = "file://Unet_int.xmodel file://arch.json"

DPU_MODEL = "Unet_int.xmodel"
DPU_ARCH = "arch.json"
DPU_NET_NAME = "deep_globe_segmentation_unet_512_512"

require dpu-model.inc
