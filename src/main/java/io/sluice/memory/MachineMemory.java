package io.sluice.memory;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/** How much memory there is in all. */
public final class MachineMemory {
  private MachineMemory() {}

  /**
   * Bytes of this machine, or of the container that limits this process; the largest number where
   * the Java platform does not say.
   */
  public static long bytes() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? system.getTotalMemorySize()
        : Long.MAX_VALUE;
  }
}
