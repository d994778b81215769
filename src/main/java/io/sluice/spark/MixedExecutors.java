package io.sluice.spark;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.simd.KernelProvider;
import io.sluice.torch.Torch;
import io.sluice.torch.cpu.CpuKernels;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import picocli.CommandLine.Option;

/**
 * Options that allow executors whose results differ in their last bits: another build of LibTorch,
 * or kernels for another processor. Without them {@link #required} says what every executor has to
 * have, and each task checks it.
 */
@Grouped(OptionGroup.COMPUTE)
final class MixedExecutors {
  @Option(
      names = "--allow-other-libtorch",
      description =
          "Allow executors whose LibTorch is another build than the driver's; the last bits of the "
              + "results then depend on which executor has which task.")
  private boolean otherLibTorch;

  @Option(
      names = "--allow-other-processors",
      description =
          "Allow executors whose processors have other instructions than those of the first one "
              + "that answers (AVX2 beside AVX-512, for instance); the last bits of the results then "
              + "depend on which executor has which task.")
  private boolean otherProcessors;

  /**
   * What every executor has to have. It asks one executor for its kernels: the driver computes
   * nothing, so its processor does not matter.
   *
   * @throws IOException as {@link Cluster#run}
   */
  Required required(Cluster cluster) throws IOException {
    return required(cluster, true);
  }

  /**
   * The same where LibTorch may not be used.
   *
   * @param usesTorch whether its build matters
   * @throws IOException as the other
   */
  Required required(Cluster cluster, boolean usesTorch) throws IOException {
    boolean any = otherLibTorch || !usesTorch || !Torch.isAvailable();
    return new Required(any ? null : libTorch(), otherProcessors ? null : first(cluster));
  }

  /** The build of LibTorch in this process, which it loads: others sum in other orders. */
  private static String libTorch() {
    Torch.Info info = Torch.info();
    return "LibTorch "
        + info.version()
        + (info.mkl() ? " with MKL" : " without MKL")
        + (info.builtForCuda() ? " for CUDA" : "");
  }

  private static Kernels first(Cluster cluster) throws IOException {
    return cluster.run(
        context -> {
          context.setCallSite("ask an executor for its kernels");
          return context
              .parallelize(List.of(0), 1)
              .setName("one executor")
              .map(ignored -> Kernels.here())
              .setName("kernels")
              .first();
        });
  }

  /**
   * Kernels and the executor that has them.
   *
   * @param names as {@link #inWords} gives them
   * @param executor in words
   */
  record Kernels(String names, String executor) implements Serializable {
    /** Those of this executor; loads LibTorch. */
    static Kernels here() {
      return new Kernels(inWords(), ExecutorPath.executor());
    }

    /** The kernels in words: those of Sluice and those of LibTorch. */
    static String inWords() {
      int bits = KernelProvider.vectorBits();
      return (bits == 0 ? "no vectors" : "vectors of " + bits + " bits")
          + ", "
          + (Torch.isAvailable() ? CpuKernels.chosen() : "no LibTorch");
    }
  }

  /**
   * What every executor has to have; tasks are sent it.
   *
   * @param libTorch what {@link MixedExecutors#libTorch} gives; null for any
   * @param kernels null for any
   */
  record Required(String libTorch, Kernels kernels) implements Serializable {
    /**
     * Checks that this executor has it.
     *
     * @throws IOException if it has not; one line
     */
    void check() throws IOException {
      if (libTorch != null && !libTorch.equals(MixedExecutors.libTorch())) {
        throw new UnfitExecutorException(
            ExecutorPath.executor()
                + " has "
                + MixedExecutors.libTorch()
                + " and the driver "
                + libTorch
                + ", so their activations differ by rounding errors; give all the same LIBTORCH, or"
                + " --allow-other-libtorch");
      }
      if (kernels != null && !kernels.names().equals(Kernels.inWords())) {
        throw new UnfitExecutorException(
            ExecutorPath.executor()
                + " computes with "
                + Kernels.inWords()
                + ", and "
                + kernels.executor()
                + " with "
                + kernels.names()
                + ", so their results differ by rounding errors; use machines of one kind, or"
                + " give --allow-other-processors");
      }
    }
  }
}
