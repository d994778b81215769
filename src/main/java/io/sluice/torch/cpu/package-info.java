/** Which of its kernels LibTorch has chosen for the processor it runs on. */
package io.sluice.torch.cpu;
