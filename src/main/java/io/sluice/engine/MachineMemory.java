package io.sluice.engine;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.OptionalLong;

/** The memory of the machine, beside which {@link EngineFactory#gpuBytes} is that of a GPU. */
public final class MachineMemory {
  private MachineMemory() {}

  /**
   * Bytes of this machine, or of the container that limits this process; the largest number where
   * the Java platform does not say.
   */
  public static long bytes() {
    return known().orElse(Long.MAX_VALUE);
  }

  /** The same; empty where the Java platform does not say. */
  public static OptionalLong known() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? OptionalLong.of(system.getTotalMemorySize())
        : OptionalLong.empty();
  }
}
