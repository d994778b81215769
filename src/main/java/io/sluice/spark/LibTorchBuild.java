package io.sluice.spark;

import io.sluice.torch.Torch;
import java.io.IOException;

/** Which LibTorch computes in a process: different builds sum in different orders. */
final class LibTorchBuild {
  private LibTorchBuild() {}

  /** The build of this process; loads it if necessary. */
  static String here() {
    if (!Torch.isAvailable()) {
      return "no LibTorch";
    }
    Torch.Info info = Torch.info();
    return "LibTorch "
        + info.version()
        + (info.mkl() ? " with MKL" : " without MKL")
        + (info.builtForCuda() ? " for CUDA" : "");
  }

  /**
   * Checks that this executor has the driver's build.
   *
   * @param driver what {@link #here} gives there; null to allow any
   * @throws IOException if it has another one
   */
  static void require(String driver) throws IOException {
    if (driver != null && !driver.equals(here())) {
      throw new UnfitExecutorException(
          ExecutorPath.executor()
              + " has "
              + here()
              + " and the driver "
              + driver
              + ", so their results differ by rounding errors; give all the same LIBTORCH, or"
              + " --allow-other-libtorch");
    }
  }
}
