package io.sluice.torch;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sluice.bindings.cuda.CudaDriverC;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The GPUs of this machine, queried once from the NVIDIA driver; none without a driver. */
final class CudaDriver {
  private static final int COMPUTE_CAPABILITY_MAJOR = 75;
  private static final int COMPUTE_CAPABILITY_MINOR = 76;

  private static final class Found {
    static final List<CudaDevice> DEVICES = ask();
  }

  private CudaDriver() {}

  static List<CudaDevice> devices() {
    return Found.DEVICES;
  }

  private static List<CudaDevice> ask() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      if (CudaDriverC.cuInit(0) != 0 || CudaDriverC.cuDeviceGetCount(out) != 0) {
        return List.of();
      }
      int count = out.get(JAVA_INT, 0);
      List<CudaDevice> devices = new ArrayList<>();
      MemorySegment name = arena.allocate(256);
      for (int i = 0; i < count; i++) {
        if (CudaDriverC.cuDeviceGet(out, i) != 0) {
          continue;
        }
        int device = out.get(JAVA_INT, 0);
        name.fill((byte) 0);
        CudaDriverC.cuDeviceGetName(name, 255, device);
        CudaDriverC.cuDeviceTotalMem_v2(out, device);
        long memory = out.get(JAVA_LONG, 0);
        CudaDriverC.cuDeviceGetAttribute(out, COMPUTE_CAPABILITY_MAJOR, device);
        int major = out.get(JAVA_INT, 0);
        CudaDriverC.cuDeviceGetAttribute(out, COMPUTE_CAPABILITY_MINOR, device);
        int minor = out.get(JAVA_INT, 0);
        devices.add(new CudaDevice(i, name.getString(0), memory, major + "." + minor));
      }
      return List.copyOf(devices);
    } catch (LinkageError | IllegalArgumentException e) {
      // No libcuda.so.1: a machine without an NVIDIA driver.
      return List.of();
    }
  }
}
