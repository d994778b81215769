package io.sluice.model.parts;

import io.sluice.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/**
 * Parameters that a file has under other names.
 *
 * @param plain the file's own
 * @param stored the name in the file of a parameter's name
 * @param isHeadless whether the model's head is not among them
 */
record RenamedTensors(ModelTensors plain, UnaryOperator<String> stored, boolean isHeadless)
    implements ModelTensors {
  @Override
  public Path path() {
    return plain.path();
  }

  @Override
  public boolean contains(String name) {
    return plain.contains(stored.apply(name));
  }

  @Override
  public String unreadable(String name) {
    return plain.unreadable(stored.apply(name));
  }

  @Override
  public long[] shape(String name) {
    return plain.shape(stored.apply(name));
  }

  @Override
  public Tensor read(String name) throws IOException {
    return plain.read(stored.apply(name));
  }
}
