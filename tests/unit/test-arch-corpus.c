/*
 * Every arch.json of the corpus of real files against what it says, read by a person. The
 * corpus is not part of the project: without it the test skips.
 */

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/support/corpus.h"
#include "xmodel/target.h"

static const struct {
        const char *file;
        const char *identity; /* NULL: refused as DNNDK's form */
} cases[] = {
        /* clang-format off */
        { "AlbertaBeef_blaze_tutorial__vitis-ai__arch__B1152__arch-b1152-hr.json",
          "0x0101000017010203" },
        { "AlbertaBeef_blaze_tutorial__vitis-ai__arch__B128__arch-b128-lr.json",
          "0x0101000002010208" },
        { "AlbertaBeef_blaze_tutorial__vitis-ai__arch__B3136__arch-kv260.json",
          "DPUCZDX8G_ISA1_B3136" },
        { "AlbertaBeef_blaze_tutorial__vitis-ai__arch__B512__arch-b512-lr.json",
          "0x0101000016010200" },
        { "AlbertaBeef_blaze_tutorial__vitis-ai__arch__C20B14__arch-c20b14.json",
          "0x0901400044000e44" },
        { "AlbertaBeef_blaze_tutorial__vitis-ai__arch__C20B1__arch-c20b1.json",
          "0x0901400044000144" },
        { "AlbertaBeef_dobble_classification_on_ultra96v2__files__B2304_LR__arch.json",
          "DPUCZDX8G_ISA0_B2304_MAX_BG2" },
        { "AlbertaBeef_dobble_classification_on_ultra96v2__files__B3136_LR__arch.json",
          "DPUCZDX8G_ISA0_B3136_MAX_BG2" },
        { "AlbertaBeef_dobble_classification_on_ultra96v2__files__B4096_LR__arch.json",
          "DPUCZDX8G_ISA0_B4096_MAX_BG2" },
        { "AlbertaBeef_dobble_classification_on_ultra96v2__files__arch__B1152_LR__arch.json",
          "0x01000020f6012203" },
        { "AlbertaBeef_dobble_classification_on_ultra96v2__files__arch__B128_LR__arch.json",
          "0x01000020e2012208" },
        { "AlbertaBeef_dobble_classification_on_ultra96v2__files__arch__B512_LR__arch.json",
          "0x01000020f6012200" },
        { "CedricLeon_SAR_DDC_FPGA__KP-Labs_Leopard_DPUCZDX8G_ISA1_B1024_arch.json",
          "0x0101000056010402" },
        { "DMDung2k3_Drowsiness_Detection_Graduation_Thesis__deploy__arch.json",
          "DPUCZDX8G_ISA1_B4096" },
        { "DMDung2k3_Drowsiness_Detection_Graduation_Thesis__quantized__arch.json",
          "0x0101000016010407" },
        { "GeorgiosGiosmas_Diploma_Thesis_2025__quantize_result__arch.json",
          "DPUCZDX8G_ISA1_B4096" },
        { "HSqure_ultralytics-pt-yolov3-vitis-ai-edge__quantize_result__AXU15EG__arch.json",
          "0x01000020f6014407" },
        { "IhebBenGaraAli_Tutorial-MLP-with-PyTorch-on-SWAT-Dataset-with-Vitis-AI__vitis_ai_mlp__arch.json",
          "0x0101000016010404" },
        { "Jerrywang1109NTU_Quantize_model__arch.json",
          "DPUCZDX8G_ISA1_B1600" },
        { "JoyceFang1213_Real-time-Auxiliary-System-for-Medical-Image---Polyp-Segment__arch.json",
          "0x05000000000007ee" },
        { "Kiko-LJ_Kria_KR260_Speed_Traffic_Signs_Recognition__vitisAI__arch_4096.json",
          "0x0101000056010407" },
        { "LogicTronixInc_Kria-Prophesee-Event-VitisAI__VitisAI-ML__Yolov7__GPU__arch.json",
          "DPUCV2DX8G_ISA1_C20B14" },
        { "LogicTronixInc_Vitis-AI-KriaSoMs-Forum-Resources__ZCU102-KV260-Boot-Log-Vitis-AI-Images__Z..RD_3_0_March25_2023__Final_LOG_Working__Vitis_DPU_TRD_ZCU102_March2023__arch_zcu102_2xb512_march2023.json",
          "0x0101000056010200" },
        { "LyvongKEAM_CIFAR10-Vitis-AI-__CIFAR10_DNNDK_lab__AXU2CGB_DPU_B1152.json",
          NULL },
        { "MakarenaLabs_DPU-PYNQ__host__Ultra96.json",
          NULL },
        { "MakarenaLabs_DPU-PYNQ__host__arch_ultra96.json",
          "0x0101000016010404" },
        { "MakarenaLabs_DPU-PYNQ__host__arch_zuboard.json",
          "0x0101000016010201" },
        { "RSPwFPGAs_DPU-PYNQ-Ultra96v2__host__Ultra96.json",
          NULL },
        { "Ragoubi57_xilinx-avnet-ultra96v2-yolo__arch.json",
          "0x0101000016010405" },
        { "Serendi-pity1995_Concept-for-Performance-Prediction-of-AI-Applications-on-Heterogeneous-Edge-Devices__host__Compilation__arch.json",
          "0x01000020f6014405" },
        { "THEROHANCHERALA_YOLOv11-Posture-Detection-KV260__hardware__kv260_arch.json",
          "0x0101000056010407" },
        { "Tai-Min_KV260-Human-Detector__hardware__hardware.gen__sources_1__bd__hardware__ip__hardware_DPUCZDX8G_0_1__arch.json",
          "0x01000020a3012200" },
        { "Tai-Min_KV260-Human-Detector__hardware__hardware.gen__sources_1__bd__hardware__ip__hardware_dpuczdx8g_0_0__arch.json",
          "0x01000020a2012201" },
        { "Xilinx_Vitis-AI__examples__waa__apps__adas_detection__pre_built_flow__DPUCZDX8G_zcu102__config_file__arch.json",
          "0x0101000016010407" },
        { "Xinyang-ZHANG_Xinyang-ZHANG-fz3b_vitis_ai_2.0_resource__fz3b_vitis_ai__quantized__arch.json",
          "0x01000020f7014404" },
        { "ZeArteaga_amd-kria-running-CIFAR-10__arch.json",
          "0x0101000007010407" },
        { "amitpant7_Quantizing-Efficientnetv2-using-Vitis-AI-Pytorch__blocks_quantization_vitis_ai_3.0__arch.json",
          "0x0101000016010405" },
        { "amitpant7_TinyYolov4-Pytorch__Inspect_and_quantization__arch.json",
          "0x0101000056010407" },
        { "hanbao04_BenDan__arch_pp_cp__b1600__arch.json",
          "0x0101000056010404" },
        { "hanbao04_BenDan__arch_pp_cp__b2304__arch.json",
          "0x0101000056010405" },
        { "hanbao04_BenDan__arch_pp_cp__b3136__arch.json",
          "0x0101000056010406" },
        { "hanbao04_BenDan__arch_pp_cp__b4096__arch.json",
          "0x0101000056010407" },
        { "hill19850213_vitis_ai_custom_platform__ref_files__Tool-Example__arch.1e136290.json",
          "DPUCZDX8G_ISA0_B4096_MAX_BG2" },
        { "hill19850213_vitis_ai_custom_platform__ref_files__Tool-Example__arch.json",
          NULL },
        { "kayracoskun_DPU_Outputs__OUT_C1_B1024__arch.json",
          "0x0101000016010402" },
        { "kayracoskun_DPU_Outputs__OUT_C1_B1152__arch.json",
          "0x0101000016010403" },
        { "kayracoskun_DPU_Outputs__OUT_C1_B3136__arch.json",
          "0x0101000016010406" },
        { "kayracoskun_DPU_Outputs__OUT_C1_B512__arch.json",
          "0x0101000016010400" },
        { "kayracoskun_DPU_Outputs__OUT_C1_B800__arch.json",
          "0x0101000016010401" },
        { "kayracoskun_Flower_DPU__arch_files__DPU_C1_B4096.json",
          "0x0101000016010407" },
        { "lilpharaoh1_ConeSegmentation__arch.json",
          "DPUCZDX8G_ISA0_B4096_MAX_BG2" },
        { "ntiencong-dev_thesis-master__kv260_arch.json",
          "DPUCZDX8G_ISA1_B4096" },
        { "nurbano_mde-unet-kv260__arch.json",
          "0x01000020f6014407" },
        { "nurbano_resnet18_ant_bees_kv260__code__arch.json",
          "0x01000020f6014406" },
        { "nurbano_resnet18_ant_bees_kv260__code__arch2.json",
          "0x01000020f6014407" },
        { "qixingzhang_SummerSchool2022-Vitis-AI__ultra96.json",
          "0x01000020f2014404" },
        { "shengwenLeong_An-AI-driven-Search-by-Image-Engine-on-KV260__Model_development__DPU_Deployment__arch.json",
          "0x01000020f6012203" },
        { "sneavem_Cloud-Net-A-semantic-segmentation-CNN-for-cloud-detection__arch.json",
          "0x0601001036088111" },
        { "stephen447_MAI-Project__arch.json",
          "0x01000020f2012200" },
        { "swappad_TFModeltoEdge__Ultra96.a4f30901.json",
          NULL },
        { "swappad_TFModeltoEdge__Ultra96.json",
          NULL },
        { "swappad_TFModeltoEdge__hw_files__B1600__Ultra96.json",
          NULL },
        { "swappad_TFModeltoEdge__hw_files__B2304__Ultra96.json",
          NULL },
        { "t-kuha_dpu__arch__ultra96__arch.json",
          NULL },
        { "t-kuha_ultra96-unified__v2__vitis-ai__arch.json",
          NULL },
        { "terry-eric_kv260_test__arch.json",
          "0x0101000016010406" },
        { "xiaobao-bit_vitis-ai-lenet__arch__arch.json",
          "0x0603000b16013831" },
        { "y38y38_ultra96_dpu_2021.2__project_3.gen__sources_1__bd__design_1__ip__design_1_dpuczdx8g_0_0__arch.json",
          "0x01000020f7014405" },
        /* clang-format on */
};

static const char *expected_identity(const char *file) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (strcmp(cases[i].file, file) == 0)
                        return cases[i].identity;
        fail_msg("%s is not in the table", file);
        return NULL;
}

static void check_file(const char *name, const Bytes *text, void *userdata) {
        const char *expected = expected_identity(name);
        char identity[FINGERPRINT_NAME_MAX];
        Problem problem = { "" };
        Target target;
        int r;

        r = target_parse_arch(bytes_slice(text), &target, &problem);
        if (!expected) {
                assert_int_equal(r, -EINVAL);
                assert_non_null(strstr(problem.text, "DNNDK"));
                assert_non_null(strstr(problem.text, "xdputil query"));
                return;
        }
        if (r < 0)
                fail_msg("%s: %s", name, problem.text);
        target_identity(&target, identity);
        assert_string_equal(identity, expected);
}

static void every_file_is_understood(void **state) {
        assert_int_equal(corpus_each("arch", check_file, NULL), ARRAY_SIZE(cases));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_file_is_understood),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
