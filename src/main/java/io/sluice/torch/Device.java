package io.sluice.torch;

/**
 * The device of a tensor's memory: the CPU or one CUDA GPU.
 *
 * @param kind the processor
 * @param index the GPU's number, counted from 0 as the CUDA driver does; 0 for the CPU
 */
public record Device(Kind kind, int index) {
  /** A kind of processor that LibTorch computes on. */
  public enum Kind {
    CPU(0),
    CUDA(1);

    private final int type;

    Kind(int type) {
      this.type = type;
    }

    /** LibTorch's {@code c10::DeviceType} number. */
    int type() {
      return type;
    }
  }

  /** The CPU. */
  public static final Device CPU = new Device(Kind.CPU, 0);

  private static final Device CUDA_0 = new Device(Kind.CUDA, 0);

  /**
   * @throws IllegalArgumentException if {@code index} is negative, or not 0 for the CPU
   */
  public Device {
    if (index < 0 || index > 127 || (kind == Kind.CPU && index != 0)) {
      throw new IllegalArgumentException("no device " + kind + " with index " + index);
    }
  }

  /** The GPU that the CUDA driver numbers {@code index}. */
  public static Device cuda(int index) {
    return index == 0 ? CUDA_0 : new Device(Kind.CUDA, index);
  }

  /**
   * Reads {@code cpu}, {@code cuda} or {@code cuda:1}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Device parse(String text) {
    if (text.equals("cpu")) {
      return CPU;
    }
    if (text.equals("cuda")) {
      return CUDA_0;
    }
    if (text.matches("cuda:[0-9]{1,3}")) {
      return cuda(Integer.parseInt(text.substring(5)));
    }
    throw new IllegalArgumentException("unknown device '" + text + "'; use cpu, cuda or cuda:N");
  }

  /** Whether this is a GPU. */
  public boolean isCuda() {
    return kind == Kind.CUDA;
  }

  static Device of(int type, int index) {
    if (type == Kind.CPU.type) {
      return CPU;
    }
    if (type == Kind.CUDA.type) {
      return cuda(index);
    }
    throw new TorchException("LibTorch device type " + type + " has no counterpart in Sluice");
  }

  /** {@code cpu} or {@code cuda:0}, as {@link #parse} reads it. */
  @Override
  public String toString() {
    return isCuda() ? "cuda:" + index : "cpu";
  }
}
