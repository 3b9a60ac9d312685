# Real AMX instructions, one per function, for the tests of the emulator. They
# are the assembler's mnemonics, so that nothing here shares the emulator's idea
# of how they are encoded. Arguments are in rdi and rsi.

.macro function name:vararg
  .globl \name
  .type \name, @function
\name:
.endm

.text

# ---- Every instruction on every tile: tileloadd_3(rows, stride)

function tilerelease
  tilerelease
  ret
function sttilecfg
  sttilecfg (%rdi)
  ret
.irp tile, 0, 1, 2, 3, 4, 5, 6, 7
function tilezero_\tile
  tilezero %tmm\tile
  ret
function tileloadd_\tile
  tileloadd (%rdi,%rsi), %tmm\tile
  ret
function tileloaddt1_\tile
  tileloaddt1 (%rdi,%rsi), %tmm\tile
  ret
function tilestored_\tile
  tilestored %tmm\tile, (%rdi,%rsi)
  ret
.endr

# ---- Products c += a b, in the order of Intel's manual: tdpbssd_012()

.macro product name, c, a, b
function \name\()_\c\a\b
  \name %tmm\b, %tmm\a, %tmm\c
  ret
.endm
.irp name, tdpbssd, tdpbsud, tdpbusd, tdpbuud, tdpbf16ps
# Every tile in every place.
product \name, 0, 1, 2
product \name, 1, 2, 3
product \name, 2, 3, 4
product \name, 3, 4, 5
product \name, 4, 5, 6
product \name, 5, 6, 7
product \name, 6, 7, 0
product \name, 7, 0, 1
.endr

# What no assembler takes: tdpbssd of tmm1 and tmm0 into tmm0.
function tdpbssd_001
  .byte 0xc4, 0xe2, 0x73, 0x5e, 0xc0
  ret
function ud2
  ud2

# One after the other: rows = rows rows, whole tiles in the configuration at rdi.
function multiply_at_once
  mov $64, %eax
  ldtilecfg (%rdi)
  tileloadd (%rsi,%rax), %tmm1
  tileloadd (%rsi,%rax), %tmm2
  tdpbssd %tmm2, %tmm1, %tmm0
  tilestored %tmm0, (%rsi,%rax)
  tilerelease
  ret

# The MXCSR after a product that ran under the one that is given.
function mxcsr_after_tdpbf16ps_012
  stmxcsr -4(%rsp)
  mov %edi, -8(%rsp)
  ldmxcsr -8(%rsp)
  tdpbf16ps %tmm2, %tmm1, %tmm0
  stmxcsr -8(%rsp)
  ldmxcsr -4(%rsp)
  mov -8(%rsp), %eax
  ret

# ---- Every register, scale and kind of displacement in an address

# tileloadd_3_rax(base, index) and so on; address_rax has scale and displacement.
.macro access name, base, index, instruction:vararg
function \name\()_\base
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  movq %rdi, %xmm0
  movq %rsi, %xmm1
  movq %xmm0, %\base
  movq %xmm1, %\index
  \instruction
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
.endm
.macro address base, index, scale, displacement
access tileloadd_3, \base, \index, tileloadd \displacement(%\base,%\index,\scale), %tmm3
access tileloaddt1_3, \base, \index, tileloaddt1 \displacement(%\base,%\index,\scale), %tmm3
access tilestored_3, \base, \index, tilestored %tmm3, \displacement(%\base,%\index,\scale)
access ldtilecfg, \base, \index, ldtilecfg \displacement(%\base,%\index,\scale)
  .section .rodata
  .globl address_\base
address_\base:
  .quad \scale, \displacement
  .text
.endm
address rax, rcx, 1, 0
address rcx, rax, 2, 1
address rdx, rbx, 4, -128
address rbx, rdx, 8, 127
address rbp, rsi, 1, 0
address rsi, rbp, 2, 128
address rdi, r8, 4, -129
address r8, rdi, 8, 64
address r9, r10, 1, 0
address r10, r9, 2, 4096
address r11, r12, 4, -64
address r12, r11, 1, 0
address r13, r14, 8, 0
address r14, r15, 1, 0x7fffffff
address r15, r13, 2, -0x80000000

# The stack pointer as base: of 1024 bytes at rdi.
function tileloadd_3_rsp
  sub $1032, %rsp
  mov %rsi, %rdx
  mov %rdi, %rsi
  lea 8(%rsp), %rdi
  mov $1024, %ecx
  rep movsb
  tileloadd 8(%rsp,%rdx), %tmm3
  add $1032, %rsp
  ret
# No index, which is a stride of 0; and no base.
function tileloadd_3_without_index
  tileloadd 8(%rdi), %tmm3
  ret
function tileloadd_3_without_base
  tileloadd 0x10000000(,%rdi,2), %tmm3
  ret

# A configuration has all addresses that there are, with an index or not.
function ldtilecfg
  ldtilecfg (%rdi)
  ret
function ldtilecfg_short
  lea -8(%rdi), %r9
  ldtilecfg 8(%r9)
  ret
function ldtilecfg_long
  lea 4096(%rdi), %r9
  ldtilecfg -4096(%r9)
  ret
function ldtilecfg_own
  ldtilecfg .Lown_config(%rip)
  ret

  .data
  .globl own_config
own_config:
.Lown_config:
  .fill 64

  .section .note.GNU-stack, "", @progbits
