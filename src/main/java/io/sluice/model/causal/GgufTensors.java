package io.sluice.model.causal;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.model.parts.ModelTensors;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * The tensors of a causal language model in a GGUF file, under HuggingFace's names and in
 * HuggingFace's arrangement, as the architecture's {@link GgufForm} says. Quantised tensors are
 * dequantised one by one, straight into the memory of the tensor that is returned.
 */
public final class GgufTensors implements ModelTensors {
  private final GgufFile file;
  private final CausalConfig config;
  private final GgufForm form;
  private final String layers;
  private final Set<String> taken = new HashSet<>();

  /**
   * The tensors of a file.
   *
   * @param config what the file's metadata says
   */
  public GgufTensors(GgufFile file, CausalConfig config) {
    this.file = file;
    this.config = config;
    this.form = config.architecture().gguf();
    this.layers = config.architecture().names().layers();
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public boolean contains(String name) {
    String stored = stored(name);
    return stored != null && file.has(stored);
  }

  @Override
  public String unreadable(String name) {
    String stored = stored(name);
    return stored == null ? null : file.unreadable(stored);
  }

  @Override
  public long[] shape(String name) {
    long[] shape = file.shape(stored(name));
    return isTransposed(name, shape) ? new long[] {shape[1], shape[0]} : shape;
  }

  @Override
  public Tensor read(String name) throws IOException {
    String stored = stored(name);
    taken.add(stored);
    long[] shape = file.shape(stored);
    Tensor values = values(stored, shape);
    return isTransposed(name, shape)
        ? values.transpose(0, 1)
        : form.restored(new GgufTensor(file.path(), stored, values, shape, config));
  }

  private boolean isTransposed(String name, long[] shape) {
    return shape.length == 2 && form.isTransposed(name);
  }

  /** llama.cpp adds a bias, and multiplies by a scale, wherever a file has one. */
  @Override
  public void requireAllTaken() throws IOException {
    for (String name : file.names()) {
      if ((name.endsWith(".bias") || name.endsWith(".scale")) && !taken.contains(name)) {
        throw new IOException(
            file.path()
                + ": has the tensor "
                + Quoted.of(name)
                + ", for which there is no place in a model of type "
                + config.architecture().label()
                + "; give another model");
      }
    }
  }

  private Tensor values(String stored, long[] shape) throws IOException {
    DType dtype = file.dtype(stored);
    if (!dtype.isFloating()) {
      throw new IOException(
          file.path()
              + ": tensor '"
              + stored
              + "' is "
              + dtype.label()
              + ", not floating-point; the file is damaged or incomplete, fetch it again");
    }
    if (!file.type(stored).isQuantised()) {
      return Tensor.of(file.data(stored), dtype, shape);
    }
    Tensor tensor = Tensor.empty(DType.F32, Device.CPU, shape);
    file.dequantise(stored, tensor.data());
    return tensor;
  }

  /** The file's name of a parameter, or null if it has none. */
  private String stored(String name) {
    int dot = name.lastIndexOf('.');
    String module = name.substring(0, dot);
    String kind = name.substring(dot);
    if (!module.startsWith(layers)) {
      String stored = form.stored(module);
      return stored == null ? null : stored + kind;
    }
    int end = module.indexOf('.', layers.length());
    String stored = form.stored(module.substring(end + 1));
    return stored == null
        ? null
        : "blk." + module.substring(layers.length(), end) + "." + stored + kind;
  }
}
