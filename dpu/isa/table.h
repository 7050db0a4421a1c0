#pragma once

/*
 * The instructions of DPUCZDX8G, ISA 1: the one table
 *
 * Decoder, encoder, disassembler and the structs that the simulator reads (isa.h) are all made
 * of these lists. One row is one field:
 *
 *      F(member, word, lowest bit, bits, form, status)
 *
 *      form    AS_IS, or LESS_ONE: what is stored is the value less one
 *      status  PROVED      real programs are bit-exact in the simulator, and damaging it shows
 *              CHECKED     real programs obey it, but it does not change what they compute
 *              DOCUMENTED  position and name are public, no program seen uses it
 *              GUESSED     nobody has seen any value but 0: the simulator stops at others
 *
 * A bit that no row names is reserved and always 0 in the programs seen.
 *
 * Positions and names: Xilinx/Vitis-AI, src/vai_runtime/vart/trace/vaitrace/writer/parser/
 * dpu_mc_parser/inc/dpuczdx8g_isa1.h (release 3.5). Meanings: docs/ISA.md.
 */

/* The first two rows of every instruction: bits of the engines (IsaEngine) whose token it waits
 * for, and to which it posts one. */
#define ISA_TOKEN_FIELDS(F)                                                                        \
        F(dpdon, 0, 24, 4, AS_IS, CHECKED)                                                         \
        F(dpdby, 0, 20, 4, AS_IS, CHECKED)

#define ISA_LOAD_FIELDS(F)                                                                         \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(bank_addr, 0, 0, 12, AS_IS, PROVED)                                                      \
        F(bank_id, 0, 14, 6, AS_IS, PROVED)                                                        \
        F(jump_write, 1, 0, 10, LESS_ONE, PROVED)                                                  \
        F(jump_read, 1, 10, 16, LESS_ONE, PROVED)                                                  \
        F(length, 2, 0, 10, LESS_ONE, PROVED)                                                      \
        F(channel, 2, 10, 14, LESS_ONE, PROVED)                                                    \
        F(pad_idx, 2, 27, 5, AS_IS, PROVED)                                                        \
        F(reg_id, 3, 0, 3, AS_IS, PROVED)                                                          \
        F(const_value, 3, 8, 8, AS_IS, GUESSED)                                                    \
        F(broadcast, 3, 16, 4, AS_IS, GUESSED)                                                     \
        F(mode_avg, 3, 20, 2, AS_IS, GUESSED)                                                      \
        F(pad_end, 3, 22, 5, AS_IS, PROVED)                                                        \
        F(pad_start, 3, 27, 5, AS_IS, PROVED)                                                      \
        F(ddr_addr, 4, 0, 29, AS_IS, PROVED)

#define ISA_SAVE_FIELDS(F)                                                                         \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(bank_addr, 0, 0, 12, AS_IS, PROVED)                                                      \
        F(bank_id, 0, 14, 6, AS_IS, PROVED)                                                        \
        F(jump_read, 1, 0, 10, LESS_ONE, PROVED)                                                   \
        F(jump_write, 1, 10, 16, LESS_ONE, PROVED)                                                 \
        F(hp_id, 1, 29, 2, AS_IS, CHECKED)                                                         \
        F(length, 2, 0, 10, LESS_ONE, PROVED)                                                      \
        F(channel, 2, 10, 12, LESS_ONE, PROVED)                                                    \
        F(reg_id, 3, 0, 3, AS_IS, PROVED)                                                          \
        F(const_value, 3, 8, 8, AS_IS, GUESSED)                                                    \
        F(const_en, 3, 16, 1, AS_IS, GUESSED)                                                      \
        F(ddr_addr, 4, 0, 29, AS_IS, PROVED)

#define ISA_CONVINIT_FIELDS(F)                                                                     \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(jump_read, 0, 0, 10, LESS_ONE, PROVED)                                                   \
        F(shift_cut, 0, 10, 6, AS_IS, PROVED)                                                      \
        F(act_type, 0, 16, 4, AS_IS, PROVED)                                                       \
        F(jump_read_endl, 1, 0, 10, LESS_ONE, PROVED)                                              \
        F(shift_bias, 1, 10, 6, AS_IS, PROVED)                                                     \
        F(stride_out, 1, 28, 4, LESS_ONE, PROVED)                                                  \
        F(jump_write, 2, 0, 10, LESS_ONE, PROVED)                                                  \
        F(stride_offset_in, 2, 10, 3, AS_IS, PROVED)                                               \
        F(valid_pp, 2, 13, 3, LESS_ONE, PROVED)                                                    \
        F(kernel_h, 2, 24, 4, LESS_ONE, PROVED)                                                    \
        F(stride_h, 2, 28, 4, LESS_ONE, PROVED)                                                    \
        F(jump_write_endl, 3, 0, 10, LESS_ONE, PROVED)                                             \
        F(stride_offset_out, 3, 10, 3, AS_IS, PROVED)                                              \
        F(kernel_w, 3, 24, 4, LESS_ONE, PROVED)                                                    \
        F(stride_w, 3, 28, 4, LESS_ONE, PROVED)

#define ISA_CONV_FIELDS(F)                                                                         \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(bank_addr_in, 0, 0, 12, AS_IS, PROVED)                                                   \
        F(pad_top, 0, 12, 4, AS_IS, PROVED)                                                        \
        F(pad_left, 0, 16, 4, AS_IS, PROVED)                                                       \
        F(bank_addr_out, 1, 0, 12, AS_IS, PROVED)                                                  \
        F(pad_bottom, 1, 12, 4, AS_IS, PROVED)                                                     \
        F(pad_right, 1, 16, 4, AS_IS, PROVED)                                                      \
        F(channel_group, 1, 24, 8, LESS_ONE, PROVED)                                               \
        F(bank_addr_weights, 2, 0, 12, AS_IS, PROVED)                                              \
        F(bank_id_in, 2, 12, 6, AS_IS, PROVED)                                                     \
        F(length, 2, 22, 10, LESS_ONE, PROVED)                                                     \
        F(bank_addr_bias, 3, 0, 12, AS_IS, PROVED)                                                 \
        F(bank_id_out, 3, 12, 6, AS_IS, PROVED)                                                    \
        F(bank_addr_in_1, 3, 18, 12, AS_IS, PROVED)                                                \
        F(bank_addr_in_2, 4, 0, 12, AS_IS, PROVED)                                                 \
        F(bank_addr_in_3, 4, 12, 12, AS_IS, DOCUMENTED)                                            \
        F(channel_offset, 4, 24, 5, AS_IS, PROVED)

#define ISA_ALUINIT_FIELDS(F)                                                                      \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(kernel_w, 0, 0, 8, LESS_ONE, PROVED)                                                     \
        F(kernel_h, 0, 8, 8, LESS_ONE, PROVED)                                                     \
        F(exec_mode, 0, 16, 4, AS_IS, PROVED)                                                      \
        F(stride_offset_out, 1, 0, 8, AS_IS, GUESSED)                                              \
        F(stride_offset_in, 1, 8, 8, AS_IS, PROVED)                                                \
        F(stride_w, 1, 16, 8, LESS_ONE, PROVED)                                                    \
        F(stride_h, 1, 24, 8, LESS_ONE, PROVED)                                                    \
        F(length, 2, 0, 11, LESS_ONE, PROVED)                                                      \
        F(channel_offset, 2, 11, 5, AS_IS, CHECKED)                                                \
        F(channel_group, 2, 16, 8, LESS_ONE, PROVED)                                               \
        F(stride_out, 2, 24, 8, LESS_ONE, PROVED)                                                  \
        F(shift_prelu_n, 3, 0, 6, AS_IS, GUESSED)                                                  \
        F(shift_cut, 3, 6, 6, AS_IS, PROVED)                                                       \
        F(shift_bias, 3, 12, 6, AS_IS, PROVED)                                                     \
        F(act_type, 3, 18, 4, AS_IS, PROVED)                                                       \
        F(shift_prelu_p, 3, 22, 6, AS_IS, GUESSED)                                                 \
        F(jump_read_endl, 4, 0, 13, LESS_ONE, PROVED)                                              \
        F(jump_read, 4, 13, 10, LESS_ONE, PROVED)                                                  \
        F(multi_factor, 4, 23, 8, AS_IS, PROVED)                                                   \
        F(jump_write_endl, 5, 0, 13, LESS_ONE, PROVED)                                             \
        F(jump_write, 5, 13, 10, LESS_ONE, PROVED)                                                 \
        F(jump_read_weights, 5, 23, 9, AS_IS, PROVED)

#define ISA_ALU_FIELDS(F)                                                                          \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(bank_addr_out, 0, 0, 14, AS_IS, PROVED)                                                  \
        F(bank_id_out, 0, 14, 6, AS_IS, PROVED)                                                    \
        F(bank_addr_in, 1, 0, 14, AS_IS, PROVED)                                                   \
        F(bank_id_in, 1, 14, 6, AS_IS, PROVED)                                                     \
        F(valid_pp, 1, 20, 3, LESS_ONE, PROVED)                                                    \
        F(pad_bottom, 1, 23, 8, AS_IS, PROVED)                                                     \
        F(bank_addr_in_1, 2, 0, 14, AS_IS, PROVED)                                                 \
        F(pad_right, 2, 14, 8, AS_IS, PROVED)                                                      \
        F(pad_left, 2, 22, 4, AS_IS, PROVED)                                                       \
        F(pad_top, 2, 26, 4, AS_IS, PROVED)                                                        \
        F(bank_addr_in_2, 3, 0, 14, AS_IS, PROVED)                                                 \
        F(bank_addr_weights, 3, 14, 14, AS_IS, PROVED)                                             \
        F(kernel_d, 3, 28, 4, AS_IS, GUESSED)                                                      \
        F(bank_addr_in_3, 4, 0, 14, AS_IS, PROVED)                                                 \
        F(bank_addr_bias, 4, 14, 14, AS_IS, PROVED)

#define ISA_ELEWINIT_FIELDS(F)                                                                     \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(share_pp, 0, 13, 1, AS_IS, GUESSED)                                                      \
        F(bank_id_in, 0, 14, 6, AS_IS, PROVED)                                                     \
        F(bank_addr_in, 1, 0, 14, AS_IS, PROVED)                                                   \
        F(jump_read_endl, 1, 14, 13, AS_IS, GUESSED)                                               \
        F(id, 1, 27, 2, AS_IS, PROVED)                                                             \
        F(jump_bank, 1, 29, 3, LESS_ONE, PROVED)                                                   \
        F(jump_read, 2, 0, 12, AS_IS, PROVED)                                                      \
        F(shift_read, 2, 12, 4, AS_IS, PROVED)

#define ISA_ELEW_FIELDS(F)                                                                         \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(length, 0, 0, 11, LESS_ONE, PROVED)                                                      \
        F(act_type, 0, 11, 1, AS_IS, PROVED)                                                       \
        F(elew_type, 0, 12, 2, AS_IS, PROVED)                                                      \
        F(bank_id_out, 0, 14, 6, AS_IS, PROVED)                                                    \
        F(bank_addr_out, 1, 0, 14, AS_IS, PROVED)                                                  \
        F(jump_write_endl, 1, 14, 13, AS_IS, GUESSED)                                              \
        F(num, 1, 27, 2, LESS_ONE, PROVED)                                                         \
        F(valid_pp, 1, 29, 3, LESS_ONE, PROVED)                                                    \
        F(jump_write, 2, 0, 12, LESS_ONE, PROVED)                                                  \
        F(shift_write, 2, 12, 5, AS_IS, PROVED)                                                    \
        F(channel_group, 2, 17, 8, LESS_ONE, PROVED)

#define ISA_END_FIELDS(F) ISA_TOKEN_FIELDS(F)

/* --- left over from ISA 0; the ALU has taken their work, no program of ISA 1 has them --------- */

#define ISA_POOLINIT_FIELDS(F)                                                                     \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(jump_read, 0, 0, 10, AS_IS, DOCUMENTED)                                                  \
        F(kernel_h, 0, 10, 3, AS_IS, DOCUMENTED)                                                   \
        F(kernel_w, 0, 13, 3, AS_IS, DOCUMENTED)                                                   \
        F(shift_cut, 0, 16, 4, AS_IS, DOCUMENTED)                                                  \
        F(pool_type, 1, 0, 2, AS_IS, DOCUMENTED)                                                   \
        F(stride_h, 1, 2, 3, AS_IS, DOCUMENTED)                                                    \
        F(stride_w, 1, 5, 3, AS_IS, DOCUMENTED)                                                    \
        F(stride_offset_in, 1, 8, 3, AS_IS, DOCUMENTED)                                            \
        F(valid_pp, 1, 11, 3, AS_IS, DOCUMENTED)                                                   \
        F(stride_offset_out, 1, 14, 3, AS_IS, DOCUMENTED)                                          \
        F(stride_out, 1, 17, 4, AS_IS, DOCUMENTED)                                                 \
        F(jump_write, 1, 21, 10, AS_IS, DOCUMENTED)

#define ISA_POOL_FIELDS(F)                                                                         \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(bank_addr_in, 0, 0, 12, AS_IS, DOCUMENTED)                                               \
        F(channel_group, 0, 12, 8, AS_IS, DOCUMENTED)                                              \
        F(bank_id_in, 1, 0, 6, AS_IS, DOCUMENTED)                                                  \
        F(pad_bottom, 1, 6, 3, AS_IS, DOCUMENTED)                                                  \
        F(pad_right, 1, 9, 3, AS_IS, DOCUMENTED)                                                   \
        F(pad_top, 1, 12, 3, AS_IS, DOCUMENTED)                                                    \
        F(pad_left, 1, 15, 3, AS_IS, DOCUMENTED)                                                   \
        F(jump_write_endl, 1, 18, 12, AS_IS, DOCUMENTED)                                           \
        F(bank_id_out, 2, 0, 6, AS_IS, DOCUMENTED)                                                 \
        F(length, 2, 6, 10, AS_IS, DOCUMENTED)                                                     \
        F(jump_read_endl, 2, 16, 12, AS_IS, DOCUMENTED)                                            \
        F(bank_addr_out, 3, 0, 12, AS_IS, DOCUMENTED)                                              \
        F(bank_addr_in_1, 3, 12, 12, AS_IS, DOCUMENTED)                                            \
        F(downsample_kernel_w, 3, 24, 8, AS_IS, DOCUMENTED)                                        \
        F(bank_addr_in_2, 4, 0, 12, AS_IS, DOCUMENTED)                                             \
        F(bank_addr_in_3, 4, 12, 12, AS_IS, DOCUMENTED)                                            \
        F(downsample_kernel_h, 4, 24, 8, AS_IS, DOCUMENTED)

#define ISA_DWINIT_FIELDS(F)                                                                       \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(jump_read_endl, 0, 0, 10, AS_IS, DOCUMENTED)                                             \
        F(jump_read, 0, 10, 10, AS_IS, DOCUMENTED)                                                 \
        F(jump_write_endl, 1, 0, 10, AS_IS, DOCUMENTED)                                            \
        F(kernel_h, 1, 10, 4, AS_IS, DOCUMENTED)                                                   \
        F(kernel_w, 1, 14, 4, AS_IS, DOCUMENTED)                                                   \
        F(stride_h, 1, 18, 4, AS_IS, DOCUMENTED)                                                   \
        F(stride_w, 1, 22, 4, AS_IS, DOCUMENTED)                                                   \
        F(valid_pp, 1, 26, 3, AS_IS, DOCUMENTED)                                                   \
        F(stride_offset_in, 1, 29, 3, AS_IS, DOCUMENTED)                                           \
        F(shift_cut, 2, 0, 6, AS_IS, DOCUMENTED)                                                   \
        F(shift_bias, 2, 6, 6, AS_IS, DOCUMENTED)                                                  \
        F(stride_offset_out, 2, 12, 3, AS_IS, DOCUMENTED)                                          \
        F(stride_out, 2, 15, 4, AS_IS, DOCUMENTED)                                                 \
        F(jump_write, 2, 19, 10, AS_IS, DOCUMENTED)

#define ISA_DPTWISE_FIELDS(F)                                                                      \
        ISA_TOKEN_FIELDS(F)                                                                        \
        F(bank_addr_in, 0, 0, 12, AS_IS, DOCUMENTED)                                               \
        F(channel_group, 0, 12, 8, AS_IS, DOCUMENTED)                                              \
        F(bank_addr_out, 1, 0, 12, AS_IS, DOCUMENTED)                                              \
        F(pad_bottom, 1, 16, 4, AS_IS, DOCUMENTED)                                                 \
        F(pad_top, 1, 20, 4, AS_IS, DOCUMENTED)                                                    \
        F(pad_right, 1, 24, 4, AS_IS, DOCUMENTED)                                                  \
        F(pad_left, 1, 28, 4, AS_IS, DOCUMENTED)                                                   \
        F(bank_addr_weights, 2, 0, 12, AS_IS, DOCUMENTED)                                          \
        F(bank_id_in, 2, 12, 6, AS_IS, DOCUMENTED)                                                 \
        F(length, 2, 18, 10, AS_IS, DOCUMENTED)                                                    \
        F(act_type, 2, 28, 4, AS_IS, DOCUMENTED)                                                   \
        F(bank_addr_bias, 3, 0, 12, AS_IS, DOCUMENTED)                                             \
        F(bank_id_out, 3, 12, 6, AS_IS, DOCUMENTED)                                                \
        F(bank_addr_in_1, 3, 18, 12, AS_IS, DOCUMENTED)                                            \
        F(bank_addr_in_2, 4, 0, 12, AS_IS, DOCUMENTED)                                             \
        F(bank_addr_in_3, 4, 12, 12, AS_IS, DOCUMENTED)                                            \
        F(channel_offset, 4, 24, 5, AS_IS, DOCUMENTED)

/* I(NAME, member, opcode, words, engine, status); the status of an instruction: may it appear */
#define ISA_INSTRUCTIONS(I)                                                                        \
        I(LOAD, load, 0x0, 5, LOAD, PROVED)                                                        \
        I(SAVE, save, 0x4, 5, SAVE, PROVED)                                                        \
        I(CONVINIT, convinit, 0x9, 4, CONV, PROVED)                                                \
        I(CONV, conv, 0x8, 5, CONV, PROVED)                                                        \
        I(ALUINIT, aluinit, 0x1, 6, MISC, PROVED)                                                  \
        I(ALU, alu, 0x2, 5, MISC, PROVED)                                                          \
        I(ELEWINIT, elewinit, 0xd, 3, MISC, PROVED)                                                \
        I(ELEW, elew, 0xe, 3, MISC, PROVED)                                                        \
        I(END, end, 0x7, 1, SAVE, PROVED)                                                          \
        I(POOLINIT, poolinit, 0x6, 2, MISC, DOCUMENTED)                                            \
        I(POOL, pool, 0xc, 5, MISC, DOCUMENTED)                                                    \
        I(DWINIT, dwinit, 0xb, 3, MISC, DOCUMENTED)                                                \
        I(DPTWISE, dptwise, 0xa, 5, MISC, DOCUMENTED)
