#include "unit.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "tests/support/corpus.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"

/*
 * Real models: what they are, and the digest of their canonical form. The digests are pinned: a
 * change of one is a change of the format, and of every key in every cache.
 */

typedef struct Expected {
        const char *name;
        const char *canonical;
        const char *map_sorted;
} Expected;

static const Expected compiled[] = {
        { "cifar-resnet20.VCK190.xmodel", "12144af9aaf2c454876708aee35cc7f1",
          "d09294c2fa76b6567a5f024103b02b0d" },
        { "densebox.B3136.xmodel", "e4b94011ed3db02e8c9d02311ff62b72",
          "65a154b8736f6212ee8c352bcd5e5d26" },
        { "dpu-mnist.B4096.xmodel", "a29579dc34099b5aa3d317d6bddff720",
          "eb047f3c676c9253f62cacf0729a7cf6" },
        { "fruit-yolov5.B4096.xmodel", "55318dc834f19f3b8270cc81f269db7c",
          "d1f50cd492bff8e46b319ddead0395cc" },
        { "gan.B1600.xmodel", "109c18047d35688297b3aad908a7850d",
          "d70ef43ee8ab0b942548edf3a0a85dfe" },
        { "hand-sign.B4096.xmodel", "8e09171546bb21355e92584b0a8bb7fa",
          "138621534d9dc912fc34d0f6c874d2fc" },
        { "mnist-cnn.B4096.xmodel", "452e65f2334403b813dd47e794d81b33",
          "4db1d439e8b224b98cb5cf7cf2a9f130" },
        { "mnist-cnn.U50.xmodel", "4ada593d78d612efd30f55b82feb0f9a",
          "76768b5a525e6c5330506cebe12a04a2" },
        { "mnist-cnn.VCK190.xmodel", "002b2bcfd632a2e06f5fca364fb0707f",
          "1a95df6d3a645503099ae5807ff49979" },
        { "plate-detect.B3136.xmodel", "af3bbb35994eb82a9683a663c66f97e3",
          "29660b743c303d9deaa97e1e14bb5c34" },
        { "tf2-custom-op.B4096-1.4.xmodel", "dfc4c89b65d182a1660d85869f310e4d",
          "dc6d16b72b96676d253b7d1f098567a0" },
        { "tf2-custom-op.B4096-2.5.xmodel", "98489d0283a79575fc80a00dd8477f71",
          "1746c160bcd328a317ab218501030b24" },
        { "tf2-custom-op.B4096-3.0.xmodel", "52cad7ce964bc6cae9ac47bd1718e18c",
          "52fc3b4fad6b82bd0fd282016d09533f" },
        { "tf2-custom-op.VEK280.xmodel", "5410d71f87f1762102b8628ef5af0f4d",
          "ee9d798e932df27c0e58bb80487dac81" },
        { "voxelnet.B4096-2.5.xmodel", "a8299c2ed1f9555711c1c7084cfef281",
          "b3c0e54ca09b34b4bf468710451212f1" },
        { "voxelnet.B4096-3.0.xmodel", "717cbf49bdd3aacb69788ce4f0fc4760",
          "ed5c5d7949783b9cde7676d20da542f9" },
        { "voxelnet.V70.xmodel", "49481806627fd68d6d67b6c4f2be45f3",
          "463b71b8caa75387f0c044f856eba61e" },
        { "voxelnet.VCK5000.xmodel", "5fc744554050981bdd2a582ea5d6292f",
          "9d0fbee412d0fe744bc0c3e4af971d00" },
        { "zerodce.B4096.xmodel", "33d772e11f92d2b1938e9605f726090f",
          "7a5765c25039835a405c51cfc6767e44" },
};

static const Expected quantized[] = {
        { "cifar-resnet20.xmodel", "8cd5180b4f7d7bede9f11863c6a6c975",
          "bcb85cf694a4d2e7ad6cf0147b776b8e" },
        { "mnist-cnn.xmodel", "eb4b7999a375c8b83cf40d568f9470dc",
          "9e5bc6d320fccbf3d2d0770b594b7762" },
        { "voxelnet.xmodel", "7a588b239f0e79a39b9d5c42a8870755",
          "24067890b5ec02ddfbf9c28e1b40e544" },
        { "zerodce.xmodel", "3006152ccebf06c02c8b22e1ac8bab8f",
          "19ac3c88ec3fc4472a3d82d7e2bd3729" },
};

typedef struct Folder {
        XmodelClass class;
        const Expected *expected;
        size_t n;
        size_t n_known;
} Folder;

static const Expected *find(const Folder *folder, const char *name) {
        for (size_t i = 0; i < folder->n; i++)
                if (strcmp(folder->expected[i].name, name) == 0)
                        return &folder->expected[i];
        return NULL;
}

static void assert_digest(const Walk *walk, CanonForm form, const char *expected) {
        char hex[DIGEST_HEX];
        Digest digest;

        assert_int_equal(canon_digest(walk, NULL, form, &digest), 0);
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, expected);
}

static void check_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        Folder *folder = userdata;
        const Expected *expected = find(folder, name);
        XmodelClass class;
        Problem reason = {};

        assert_int_equal(classify(bytes_slice(content), &class, &walk, &reason), 0);
        if (class != folder->class)
                print_error("%s: %s\n", name, reason.text);
        assert_int_equal(class, folder->class);
        assert_true(walk->in_order);
        if (!expected)
                return; /* the corpus may grow */
        assert_digest(walk, CANON_CANONICAL, expected->canonical);
        assert_digest(walk, CANON_MAP_SORTED, expected->map_sorted);
        folder->n_known++;
}

/* any prefix of a real file; those that end between two fields late in the file may pass */
static void check_prefixes(const char *name, const Bytes *content, void *userdata) {
        unsigned n_truncated = 0;

        for (unsigned i = 1; i < 40; i++) {
                _cleanup_(walk_freep) Walk *walk = NULL;
                XmodelClass class;
                Problem reason = {};
                size_t n = content->size / 40 * i;

                assert_int_equal(classify(slice_of(content->data, n), &class, &walk, &reason), 0);
                n_truncated += class == XMODEL_TRUNCATED;
        }
        if (n_truncated < 38)
                print_error("%s: %u of 39 prefixes are truncated\n", name, n_truncated);
        assert_true(n_truncated >= 38);
}

static void every_quantized_model_is_a_source(void **state) {
        Folder folder = { XMODEL_QUANTIZED, quantized, sizeof(quantized) / sizeof(quantized[0]),
                          0 };

        assert_true(corpus_each("quantized", check_model, &folder) >= (int) folder.n);
        assert_int_equal(folder.n_known, folder.n);
}

static void every_compiled_model_is_known_as_one(void **state) {
        Folder folder = { XMODEL_COMPILED, compiled, sizeof(compiled) / sizeof(compiled[0]), 0 };

        assert_true(corpus_each("compiled", check_model, &folder) >= (int) folder.n);
        assert_int_equal(folder.n_known, folder.n);
}

static void a_prefix_of_a_model_is_truncated(void **state) {
        assert_true(corpus_each("quantized", check_prefixes, NULL) > 0);
        assert_true(corpus_each("compiled", check_prefixes, NULL) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_quantized_model_is_a_source),
                cmocka_unit_test(every_compiled_model_is_known_as_one),
                cmocka_unit_test(a_prefix_of_a_model_is_truncated),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
