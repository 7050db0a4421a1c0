#include "xmodel/fingerprint.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Rows of 3.0/3.5, IPU and EXPIRED: targets/ and expired_targets/ of target_factory. Rows of
 * 2.5: the same prototxt files at that release where the mirror keeps them (B512, C32B1, C64B1
 * ...), compiled models of 2.5 that carry both name and fingerprint (B1600, B3136, B4096,
 * C32B6), and for the rest the rule that all of these agree on: bit 30 is clear.
 */
static const NamedTarget targets[] = {
        { "DPUCZDX8G_ISA1_B512", 0x0101000056010200, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B512", 0x0101000016010200, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B800", 0x0101000056010201, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B800", 0x0101000016010201, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B1024", 0x0101000056010402, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B1024", 0x0101000016010402, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B1152", 0x0101000056010203, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B1152", 0x0101000016010203, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B1600", 0x0101000056010404, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B1600", 0x0101000016010404, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B2304", 0x0101000056010405, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B2304", 0x0101000016010405, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B3136", 0x0101000056010406, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B3136", 0x0101000016010406, TARGET_RELEASE_2_5 },
        { "DPUCZDX8G_ISA1_B4096", 0x0101000056010407, TARGET_RELEASE_3 },
        { "DPUCZDX8G_ISA1_B4096", 0x0101000016010407, TARGET_RELEASE_2_5 },

        { "DPUCVDX8G_ISA3_C32B1", 0x0603000b56011811, TARGET_RELEASE_3 },
        { "DPUCVDX8G_ISA3_C32B1", 0x0603000b16011811, TARGET_RELEASE_2_5 },
        { "DPUCVDX8G_ISA3_C32B3", 0x0603000b56011831, TARGET_RELEASE_3 },
        { "DPUCVDX8G_ISA3_C32B3", 0x0603000b16011831, TARGET_RELEASE_2_5 },
        { "DPUCVDX8G_ISA3_C32B6", 0x0603000b56011861, TARGET_RELEASE_3 },
        { "DPUCVDX8G_ISA3_C32B6", 0x0603000b16011861, TARGET_RELEASE_2_5 },
        { "DPUCVDX8G_ISA3_C64B1", 0x0603000b56011812, TARGET_RELEASE_3 },
        { "DPUCVDX8G_ISA3_C64B1", 0x0603000b16011812, TARGET_RELEASE_2_5 },
        { "DPUCVDX8G_ISA3_C64B3", 0x0603000b56011832, TARGET_RELEASE_3 },
        { "DPUCVDX8G_ISA3_C64B3", 0x0603000b16011832, TARGET_RELEASE_2_5 },
        { "DPUCVDX8G_ISA3_C64B5", 0x0603000b56011852, TARGET_RELEASE_3 },
        { "DPUCVDX8G_ISA3_C64B5", 0x0603000b16011852, TARGET_RELEASE_2_5 },
        { "DPUCVDX8G_ISA3_C32B3_PSMNET", 0x0603000b16026831, TARGET_RELEASE_3 },

        { "DPUCV2DX8G_ISA1_C20B1", 0x0901400044000144, TARGET_RELEASE_3 },
        { "DPUCV2DX8G_ISA1_C20B14", 0x0901400044000e44, TARGET_RELEASE_3 },

        { "DPUCAHX8H_ISA2", 0x020200000010002a, TARGET_RELEASE_3 },
        { "DPUCAHX8H_ISA2", 0x020200000000002a, TARGET_RELEASE_EXPIRED },
        { "DPUCAHX8H_ISA2_DWC", 0x020200000010002b, TARGET_RELEASE_3 },
        { "DPUCAHX8H_ISA2_ELP2", 0x020200000000002e, TARGET_RELEASE_3 },
        { "DPUCAHX8L_ISA0", 0x030000000000001d, TARGET_RELEASE_3 },
        { "DPUCAHX8L_ISA0_SP", 0x030000000000101d, TARGET_RELEASE_3 },
        { "DPUCADF8H_ISA0", 0x0700000000000000, TARGET_RELEASE_3 },
        { "DPUCVDX8H_ISA1_F2W2_8PE", 0x0501000000140fee, TARGET_RELEASE_3 },
        { "DPUCVDX8H_ISA1_F2W4_4PE", 0x05010000001e082f, TARGET_RELEASE_3 },
        { "DPUCVDX8H_ISA1_F2W4_6PE_aieDWC", 0x0501000000160c2f, TARGET_RELEASE_3 },
        { "DPUCVDX8H_ISA1_F2W4_6PE_aieMISC", 0x05010000001e082e, TARGET_RELEASE_3 },
        { "DPUCZDI4G_ISA0_B4096_DEMO_SSD", 0x0400002003220206, TARGET_RELEASE_3 },
        { "DPUCZDI4G_ISA0_B8192D8_DEMO_SSD", 0x0400002003220207, TARGET_RELEASE_3 },
        { "V70_2x3_Overlay", 0x080000000020c242, TARGET_RELEASE_3 },
        { "AMD_AIE2_1x4_Overlay", 0x0800020500fffffe, TARGET_RELEASE_IPU },
        { "AMD_AIE2_4x5_Overlay", 0x080000000020c23f, TARGET_RELEASE_IPU },
        { "AMD_AIE2_5x4_Overlay", 0x08000205001c5e05, TARGET_RELEASE_IPU },
        { "AMD_AIE2_Nx4_Overlay", 0x08000205000c5e05, TARGET_RELEASE_IPU },

        { "DPUCZDX8G_ISA0_B512_MIN", 0x0100002022010100, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B800_MIN", 0x0100002022010101, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B1024_MIN", 0x0100002022010102, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B1152_MIN", 0x0100002022010103, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B1600_MIN", 0x0100002022010104, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B2304_MIN", 0x0100002022010105, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B3136_MIN", 0x0100002022010106, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B4096_MIN", 0x0100002022010107, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B512_MAX", 0x01000020f7012200, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B800_MAX", 0x01000020f7012201, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B1024_MAX", 0x01000020f7014402, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B1152_MAX", 0x01000020f7012203, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B1600_MAX", 0x01000020f7014404, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B2304_MAX", 0x01000020f7014405, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B3136_MAX", 0x01000020f7014406, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B4096_MAX", 0x01000020f7014407, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B2304_MAX_BG2", 0x01000020f6014405, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B3136_MAX_BG2", 0x01000020f6014406, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B4096_MAX_BG2", 0x01000020f6014407, TARGET_RELEASE_EXPIRED },
        { "DPUCZDX8G_ISA0_B4096_MAX_EM", 0x01000030f7014407, TARGET_RELEASE_EXPIRED },
        { "DPUCVDX8G_ISA1_C16B1_QT", 0x0601001432022110, TARGET_RELEASE_EXPIRED },
        { "DPUCVDX8G_ISA1_C32B3", 0x0601001036088131, TARGET_RELEASE_EXPIRED },
        { "DPUCVDX8G_ISA2_C32B3", 0x0602001036088231, TARGET_RELEASE_EXPIRED },
        { "DPUCVDX8H_ISA0", 0x05000000000007ee, TARGET_RELEASE_EXPIRED },
        { "DPUCVDX8H_ISA0_1STLAYER", 0x0500000000000436, TARGET_RELEASE_EXPIRED },
        { "DPUCVDX8H_ISA0_6PE", 0x050000000000042e, TARGET_RELEASE_EXPIRED },
};

const NamedTarget *named_targets(size_t *ret_count) {
        *ret_count = ARRAY_SIZE(targets);
        return targets;
}

const char *target_release_name(TargetRelease release) {
        switch (release) {
        case TARGET_RELEASE_3:
                return "3.0 and 3.5";
        case TARGET_RELEASE_IPU:
                return "3.5 with overlays";
        case TARGET_RELEASE_2_5:
                return "2.5";
        case TARGET_RELEASE_EXPIRED:
                return "up to 2.0";
        }
        return "?";
}

const char *dpu_family_name(DpuFamily family) {
        switch (family) {
        case DPU_CZDX8G:
                return "DPUCZDX8G";
        case DPU_CAHX8H:
                return "DPUCAHX8H";
        case DPU_CAHX8L:
                return "DPUCAHX8L";
        case DPU_CZDI4G:
                return "DPUCZDI4G";
        case DPU_CVDX8H:
                return "DPUCVDX8H";
        case DPU_CVDX8G:
                return "DPUCVDX8G";
        case DPU_CADF8H:
                return "DPUCADF8H";
        case DPU_IPU:
                return "IPU_PHX";
        case DPU_CV2DX8G:
                return "DPUCV2DX8G";
        }
        return NULL;
}

const char *dpu_feature_name(DpuFeature feature) {
        switch (feature) {
        case DPU_CHANNEL_AUGMENTATION:
                return "channel-augmentation";
        case DPU_CONV_LEAKY_RELU:
                return "conv-leaky-relu";
        case DPU_CONV_RELU6:
                return "conv-relu6";
        case DPU_CONV_HARD:
                return "conv-hard-sigmoid-swish";
        case DPU_DEPTHWISE:
                return "depthwise";
        case DPU_DEPTHWISE_RELU6:
                return "depthwise-relu6";
        case DPU_ALU_LEAKY_RELU:
                return "alu-leaky-relu";
        case DPU_HARD_SIGMOID:
                return "hard-sigmoid";
        case DPU_AVG_POOL:
                return "avg-pool";
        case DPU_MAX_REDUCE:
                return "max-reduce";
        case DPU_ELTWISE_MULT:
                return "eltwise-mult";
        case DPU_ARGMAX:
                return "argmax";
        case _DPU_FEATURE_MAX:
                break;
        }
        return NULL;
}

const NamedTarget *named_target_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
                if (strcmp(targets[i].name, name) == 0)
                        return &targets[i];
        return NULL;
}

static const NamedTarget *named_target_of(uint64_t fingerprint) {
        for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
                if (targets[i].fingerprint == fingerprint)
                        return &targets[i];
        return NULL;
}

/* bits @high to @low of the fingerprint */
static unsigned fingerprint_bits(uint64_t fingerprint, unsigned high, unsigned low) {
        return (unsigned) (fingerprint >> low & ((UINT64_C(1) << (high - low + 1)) - 1));
}

static unsigned fingerprint_if(uint64_t fingerprint, unsigned bit, unsigned features) {
        return fingerprint >> bit & 1 ? features : 0;
}

static int fingerprint_refuse(uint64_t fingerprint, const char *field, unsigned value,
                              Problem *problem) {
        return problem_set(problem, -EINVAL,
                           "fingerprint 0x%016llx: no DPU has %s %u; copy it again from the "
                           "arch.json of the hardware project or from `xdputil query`",
                           (unsigned long long) fingerprint, field, value);
}

/* the limit of output rows that one stride can span: target_factory's rule for ISA1 */
static unsigned stride_out_h(unsigned pixels, unsigned log2_width) {
        unsigned width = 1u << log2_width;

        return width == 1 || pixels / width >= 4 ? 4 : pixels / width;
}

/* PP, ICP = OCP by ARCH */
static const struct {
        unsigned pixels, channels;
} czdx8g_arch[] = {
        { 4, 8 },  { 4, 10 }, { 8, 8 }, { 4, 12 }, { 8, 10 }, { 8, 12 },
        { 8, 14 }, { 8, 16 }, { 4, 4 }, { 2, 6 },  { 2, 8 },  { 2, 4 },
};
#define CZDX8G_ISA0_ARCHES 11 /* the vendor's decoder does not check, and reads out of bounds */

static int czdx8g_decode(FingerprintInfo *info, Problem *problem) {
        uint64_t f = info->fingerprint;
        unsigned arch = fingerprint_bits(f, 3, 0);

        if (arch >= (info->isa == 0 ? CZDX8G_ISA0_ARCHES : ARRAY_SIZE(czdx8g_arch)))
                return fingerprint_refuse(f, "architecture", arch, problem);

        info->decoded = true;
        info->pixels = czdx8g_arch[arch].pixels;
        info->input_channels = info->output_channels = czdx8g_arch[arch].channels;
        info->batch = 1;
        info->image_banks = fingerprint_bits(f, 25, 24);
        info->features = fingerprint_if(f, 26, DPU_CHANNEL_AUGMENTATION) |
                         fingerprint_if(f, 28, DPU_CONV_LEAKY_RELU);
        if (info->isa == 1) {
                info->alu_pixels = info->eltwise_pixels = fingerprint_bits(f, 11, 8);
                info->conv_stride_out_h = stride_out_h(info->pixels, fingerprint_bits(f, 33, 32));
                info->alu_stride_out_h =
                        stride_out_h(info->alu_pixels, fingerprint_bits(f, 35, 34));
                info->features |= DPU_CONV_RELU6 | DPU_DEPTHWISE | DPU_DEPTHWISE_RELU6 |
                                  DPU_HARD_SIGMOID | DPU_AVG_POOL | DPU_MAX_REDUCE |
                                  DPU_ELTWISE_MULT | fingerprint_if(f, 29, DPU_ALU_LEAKY_RELU) |
                                  fingerprint_if(f, 30, DPU_ARGMAX);
                return 0;
        }

        info->pool_pixels = fingerprint_bits(f, 11, 8);
        info->depthwise_pixels = fingerprint_bits(f, 15, 12);
        info->eltwise_pixels = fingerprint_bits(f, 19, 16);
        info->features |=
                fingerprint_if(f, 29, DPU_CONV_RELU6) | fingerprint_if(f, 30, DPU_AVG_POOL) |
                fingerprint_if(f, 36, DPU_ELTWISE_MULT) | fingerprint_if(f, 37, DPU_MAX_REDUCE);
        if (info->depthwise_pixels > 0)
                info->features |= DPU_DEPTHWISE | fingerprint_if(f, 31, DPU_DEPTHWISE_RELU6);
        return 0;
}

/* ALU modes of DPUCVDX8G ISA2 */
enum {
        CVDX8G_ALU_NONE,
        CVDX8G_ALU_ALL,
        CVDX8G_ALU_3D,
};

static int cvdx8g_decode(FingerprintInfo *info, Problem *problem) {
        uint64_t f = info->fingerprint;
        unsigned arch = fingerprint_bits(f, 3, 0), alu = fingerprint_bits(f, 11, 8);
        const unsigned alu_features = DPU_DEPTHWISE | DPU_DEPTHWISE_RELU6 | DPU_HARD_SIGMOID |
                                      DPU_AVG_POOL | DPU_MAX_REDUCE;

        info->ram_depth =
                info->isa == 3 ? fingerprint_bits(f, 15, 12) : fingerprint_bits(f, 35, 32);
        if (arch > 2)
                return fingerprint_refuse(f, "architecture", arch, problem);
        if (info->ram_depth > 6)
                return fingerprint_refuse(f, "memory depth", info->ram_depth, problem);
        if (info->isa == 2 && alu > CVDX8G_ALU_3D)
                return fingerprint_refuse(f, "ALU mode", alu, problem);

        info->decoded = true;
        info->pixels = 8;
        info->input_channels = 16;
        info->output_channels = 16u << arch;
        info->batch = fingerprint_bits(f, 7, 4);
        info->image_banks = fingerprint_bits(f, 25, 24);
        info->features = fingerprint_if(f, 26, DPU_CHANNEL_AUGMENTATION) |
                         fingerprint_if(f, 28, DPU_CONV_LEAKY_RELU | DPU_CONV_HARD);
        if (info->isa == 3) {
                info->alu_pixels = info->eltwise_pixels = alu;
                info->conv_stride_out_h = 8;
                info->alu_stride_out_h = stride_out_h(alu, fingerprint_bits(f, 35, 34));
                info->features |= alu_features | DPU_CONV_RELU6 | DPU_ELTWISE_MULT |
                                  fingerprint_if(f, 29, DPU_ALU_LEAKY_RELU) |
                                  fingerprint_if(f, 30, DPU_ARGMAX);
                return 0;
        }

        info->eltwise_pixels = fingerprint_bits(f, 19, 16);
        info->features |=
                fingerprint_if(f, 29, DPU_CONV_RELU6) | fingerprint_if(f, 36, DPU_ELTWISE_MULT);
        if (alu != CVDX8G_ALU_NONE) {
                info->alu_pixels = fingerprint_bits(f, 15, 12);
                info->features |= alu_features;
        }
        return 0;
}

/* PP, ICP, OCP by CV_ARCH */
static const struct {
        unsigned pixels, input_channels, output_channels;
} cv2dx8g_arch[] = { { 1, 16, 16 }, { 1, 16, 32 }, { 1, 32, 32 }, { 2, 32, 32 }, { 4, 32, 32 } };

static int cv2dx8g_decode(FingerprintInfo *info, Problem *problem) {
        uint64_t f = info->fingerprint;
        unsigned arch = fingerprint_bits(f, 3, 0);

        if (arch >= ARRAY_SIZE(cv2dx8g_arch))
                return fingerprint_refuse(f, "architecture", arch, problem);

        info->decoded = true;
        info->pixels = cv2dx8g_arch[arch].pixels;
        info->input_channels = cv2dx8g_arch[arch].input_channels;
        info->output_channels = cv2dx8g_arch[arch].output_channels;
        info->alu_pixels = fingerprint_bits(f, 7, 4) / 2;
        info->batch = fingerprint_bits(f, 15, 8);
        info->image_banks = 1;
        info->features = DPU_CONV_LEAKY_RELU | DPU_CONV_RELU6 | DPU_CONV_HARD | DPU_ALU_LEAKY_RELU |
                         DPU_ELTWISE_MULT | fingerprint_if(f, 26, DPU_CHANNEL_AUGMENTATION) |
                         fingerprint_if(f, 30, DPU_ARGMAX);
        return 0;
}

/* convolution engines of the families that only prototxt files describe */
static void fingerprint_fill_fixed(FingerprintInfo *info) {
        static const struct {
                DpuFamily family;
                unsigned pixels, input_channels, output_channels;
        } engines[] = {
                { DPU_CAHX8H, 8, 16, 16 },
                { DPU_CAHX8L, 4, 32, 64 },
                { DPU_CZDI4G, 8, 16, 16 },
                { DPU_CADF8H, 8, 16, 16 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
                if (info->family != engines[i].family || !info->named)
                        continue;
                info->pixels = engines[i].pixels;
                info->input_channels = engines[i].input_channels;
                info->output_channels = engines[i].output_channels;
        }
}

static int fingerprint_decode_bits(FingerprintInfo *info, Problem *problem) {
        if (info->family == DPU_CZDX8G && info->isa <= 1)
                return czdx8g_decode(info, problem);
        if (info->family == DPU_CVDX8G && (info->isa == 2 || info->isa == 3))
                return cvdx8g_decode(info, problem);
        if (info->family == DPU_CV2DX8G && info->isa <= 1)
                return cv2dx8g_decode(info, problem);
        fingerprint_fill_fixed(info);
        return 0;
}

/* "B4096", "C32B6": the middle of the vendor's names; "" where the bits are not decoded */
static void fingerprint_size_name(const FingerprintInfo *info, char *ret, size_t room) {
        uint64_t f = info->fingerprint;

        if (!info->decoded)
                ret[0] = '\0';
        else if (info->family == DPU_CZDX8G)
                (void) snprintf(ret, room, "B%u", info->peak_ops);
        else if (info->family == DPU_CVDX8G)
                (void) snprintf(ret, room, "C%uB%u", info->output_channels, info->batch);
        else /* in DPUCV2DX8G names C counts AI engine cores, those of the ALU included */
                (void) snprintf(ret, room, "C%uB%u",
                                (1u << fingerprint_bits(f, 3, 0)) + fingerprint_bits(f, 7, 4),
                                info->batch);
}

/* lower case, and '-' for '_' */
static void fingerprint_soften(char *text) {
        for (; *text; text++)
                *text = *text == '_' ? '-' : (char) tolower((unsigned char) *text);
}

void named_target_short(const char *name, char ret[FINGERPRINT_NAME_MAX]) {
        const char *isa = strstr(name, "_ISA"), *rest = isa ? isa + 4 : NULL;
        size_t family;

        if (strncmp(name, "DPU", 3) != 0 || !isa) {
                (void) snprintf(ret, FINGERPRINT_NAME_MAX, "%s", name);
                fingerprint_soften(ret);
                return;
        }

        family = (size_t) (isa - name - 3);
        rest += strspn(rest, "0123456789");
        (void) snprintf(ret, FINGERPRINT_NAME_MAX, "%.*s%s", (int) family, name + 3, rest);
        fingerprint_soften(ret);
}

/* what the vendor's decoder calls a fingerprint that is not in its table */
static void fingerprint_make_up_name(const FingerprintInfo *info, char ret[FINGERPRINT_NAME_MAX]) {
        char size[32];

        fingerprint_size_name(info, size, sizeof(size));
        (void) snprintf(ret, FINGERPRINT_NAME_MAX, "%s_ISA%u%s%s_%016llX",
                        dpu_family_name(info->family), info->isa, size[0] ? "_" : "", size,
                        (unsigned long long) info->fingerprint);
}

static void fingerprint_set_names(FingerprintInfo *info) {
        if (info->named)
                (void) snprintf(info->name, sizeof(info->name), "%s", info->named->name);
        else
                fingerprint_make_up_name(info, info->name);

        if (info->decoded) {
                fingerprint_size_name(info, info->short_name, sizeof(info->short_name));
                fingerprint_soften(info->short_name);
        } else
                named_target_short(info->name, info->short_name);
}

int fingerprint_decode(uint64_t fingerprint, FingerprintInfo *ret, Problem *problem) {
        FingerprintInfo info = {
                .fingerprint = fingerprint,
                .family = (DpuFamily) fingerprint_bits(fingerprint, 63, 56),
                .isa = fingerprint_bits(fingerprint, 55, 48),
                .named = named_target_of(fingerprint),
        };
        int r;

        if (!dpu_family_name(info.family))
                return fingerprint_refuse(fingerprint, "family", (unsigned) info.family, problem);
        r = fingerprint_decode_bits(&info, problem);
        if (r < 0)
                return r;

        info.peak_ops = 2 * info.pixels * info.input_channels * info.output_channels;
        fingerprint_set_names(&info);
        *ret = info;
        return 0;
}

bool fingerprint_has_name(uint64_t fingerprint, const char *name) {
        char made_up[FINGERPRINT_NAME_MAX];
        FingerprintInfo info;

        for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
                if (targets[i].fingerprint == fingerprint && strcmp(targets[i].name, name) == 0)
                        return true;
        if (fingerprint_decode(fingerprint, &info, NULL) < 0 || !info.decoded)
                return false;

        /* a compiler of one generation makes up a name for what another one has in its table */
        fingerprint_make_up_name(&info, made_up);
        return strcmp(made_up, name) == 0;
}
