#pragma once

/*
 * DPU fingerprints: what the 64 bits say
 *
 *      63:56 family    55:48 ISA version    47:0 feature code
 *
 * A fingerprint identifies the DPU exactly: the runtime loads a model only if all 64 bits equal
 * those of the hardware. A *name* ("DPUCZDX8G_ISA1_B4096") does not: releases 2.5 and 3.0 give
 * the same name to fingerprints that differ in bit 30. The table below therefore has one row
 * per name and generation.
 *
 * Facts: Xilinx/Vitis-AI, src/vai_runtime/target_factory (its decoder, and the prototxt files
 * in targets and expired_targets), and the dpu_name / dpu_fingerprint pairs of public compiled
 * models. That decoder exists for DPUCZDX8G ISA 0 and 1, DPUCVDX8G ISA 2 and 3, DPUCV2DX8G
 * ISA 0 and 1; for the others only the table tells.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

#define FINGERPRINT_NAME_MAX 64 /* bytes, with terminator, of any name here */

/* the ways in which generations of one DPU differ: bit 30, argmax in the save engine */
#define FINGERPRINT_ARGMAX (UINT64_C(1) << 30)

typedef enum DpuFamily {
        DPU_CZDX8G = 1,  /* Zynq UltraScale+, Kria: ZCU102, ZCU104, KV260, KR260 */
        DPU_CAHX8H = 2,  /* U50, U280 */
        DPU_CAHX8L = 3,  /* U50LV */
        DPU_CZDI4G = 4,  /* 4-bit demonstrator */
        DPU_CVDX8H = 5,  /* VCK5000 */
        DPU_CVDX8G = 6,  /* VCK190 */
        DPU_CADF8H = 7,  /* U200, U250 */
        DPU_IPU = 8,     /* overlays of AI engines */
        DPU_CV2DX8G = 9, /* VEK280, V70 */
} DpuFamily;

/* what an engine can do beyond plain convolution with relu */
typedef enum DpuFeature {
        DPU_CHANNEL_AUGMENTATION = 1 << 0, /* first layers: two channel groups in one pass */
        DPU_CONV_LEAKY_RELU = 1 << 1,
        DPU_CONV_RELU6 = 1 << 2,
        DPU_CONV_HARD = 1 << 3, /* hard sigmoid and hard swish after convolution */
        DPU_DEPTHWISE = 1 << 4,
        DPU_DEPTHWISE_RELU6 = 1 << 5,
        DPU_ALU_LEAKY_RELU = 1 << 6,
        DPU_HARD_SIGMOID = 1 << 7, /* as an operation of its own */
        DPU_AVG_POOL = 1 << 8,
        DPU_MAX_REDUCE = 1 << 9,
        DPU_ELTWISE_MULT = 1 << 10,
        DPU_ARGMAX = 1 << 11,
        _DPU_FEATURE_MAX = 1 << 12,
} DpuFeature;

/* the generation of the vendor's tools that uses a name for a fingerprint */
typedef enum TargetRelease {
        TARGET_RELEASE_3,       /* 3.0 and 3.5 */
        TARGET_RELEASE_IPU,     /* 3.5, only in builds for AI engine overlays */
        TARGET_RELEASE_2_5,     /* 2.5, where 3.0 changed the fingerprint */
        TARGET_RELEASE_EXPIRED, /* up to 2.0 */
} TargetRelease;

typedef struct NamedTarget {
        const char *name;
        uint64_t fingerprint;
        TargetRelease release;
} NamedTarget;

typedef struct FingerprintInfo {
        uint64_t fingerprint;
        DpuFamily family;
        unsigned isa;
        const NamedTarget *named; /* row of the table, or NULL */

        /* the vendor's name for it: from the table, else as the decoder makes them up */
        char name[FINGERPRINT_NAME_MAX];
        /* for people and paths: "b4096", "c32b6", "cahx8h-dwc" */
        char short_name[FINGERPRINT_NAME_MAX];

        /* All 0 where nothing public tells. Parallelism is per core and cycle. */
        bool decoded;            /* the fields below come from the bits */
        unsigned pixels;         /* PP of the convolution engine */
        unsigned input_channels; /* ICP */
        unsigned output_channels;
        unsigned peak_ops;    /* 2 * PP * ICP * OCP: the number in "B4096" */
        unsigned batch;       /* 1 where the family has none */
        unsigned image_banks; /* bank groups VB0.. for feature maps */
        unsigned alu_pixels;  /* pixel parallelism of the other engines; 0: no such */
        unsigned pool_pixels; /* engine, or part of the ALU */
        unsigned depthwise_pixels;
        unsigned eltwise_pixels;
        unsigned conv_stride_out_h; /* upper limit, 0: none stated */
        unsigned alu_stride_out_h;
        unsigned ram_depth; /* RDEPTH, an index into the family's bank depths */
        unsigned features;  /* bits of DpuFeature */
} FingerprintInfo;

/* 0 or -EINVAL with @problem: a family that does not exist, or bits that no hardware has. What
 * merely nobody has documented is not refused: decoded is false and the name is generic. */
int fingerprint_decode(uint64_t fingerprint, FingerprintInfo *ret, Problem *problem);

const char *dpu_family_name(DpuFamily family);    /* "DPUCZDX8G" */
const char *dpu_feature_name(DpuFeature feature); /* "depthwise", one bit */

/* all named targets, newest generation first within a name */
const NamedTarget *named_targets(size_t *ret_count);
const char *target_release_name(TargetRelease release); /* "3.0 and 3.5" */

/* the newest generation's row for a name; NULL if unknown */
const NamedTarget *named_target_find(const char *name);

/* "DPUCAHX8H_ISA2_DWC" -> "cahx8h-dwc"; for names whose fingerprint is not known */
void named_target_short(const char *name, char ret[FINGERPRINT_NAME_MAX]);

/* some release gives @name to @fingerprint, or the vendor's decoder makes it up for it */
bool fingerprint_has_name(uint64_t fingerprint, const char *name);

/* the same DPU as two compiler generations see it: tools say so instead of "wrong target" */
static inline bool fingerprint_differs_in_argmax(uint64_t a, uint64_t b) {
        return (a ^ b) == FINGERPRINT_ARGMAX;
}
