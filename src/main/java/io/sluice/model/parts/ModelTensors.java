package io.sluice.model.parts;

import io.sluice.memory.DType;
import io.sluice.torch.Tensor;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/**
 * A model's parameters under HuggingFace's names, wherever they come from. Implementations rename,
 * transpose and dequantise the tensors of their file as needed.
 */
public interface ModelTensors {
  /** The file, for messages. */
  Path path();

  /** Whether there is a parameter of this name, be it of a type that can be read or not. */
  boolean contains(String name);

  /** The type of a parameter that Sluice cannot read; null if it can, or there is none. */
  String unreadable(String name);

  /**
   * Sizes of a parameter as HuggingFace has it, outermost first.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  long[] shape(String name);

  /**
   * A parameter on the CPU in the innermost scope, of a floating-point type: a view of the mapped
   * file if possible, otherwise a new copy in each call.
   *
   * @throws IOException if its values are not floating-point numbers
   * @throws IllegalArgumentException if there is none of this name
   */
  Tensor read(String name) throws IOException;

  /** The parameters of a file that uses HuggingFace's names. */
  static ModelTensors of(TensorSource source) {
    return new ModelTensors() {
      @Override
      public Path path() {
        return source.path();
      }

      @Override
      public boolean contains(String name) {
        return source.has(name);
      }

      @Override
      public String unreadable(String name) {
        return source.unreadable(name);
      }

      @Override
      public long[] shape(String name) {
        return source.shape(name);
      }

      @Override
      public Tensor read(String name) throws IOException {
        DType dtype = source.dtype(name);
        if (!dtype.isFloating()) {
          throw new IOException(
              source.path()
                  + ": tensor '"
                  + name
                  + "' is "
                  + dtype.label()
                  + ", not floating-point; give a model that is not quantised");
        }
        return Tensor.of(source.data(name), dtype, source.shape(name));
      }
    };
  }

  /**
   * Checks that the model has read all parameters that would affect the computation.
   *
   * @throws IOException if one was left
   */
  default void requireAllTaken() throws IOException {}

  /** Whether these are the parameters of a model without its head. */
  default boolean isHeadless() {
    return false;
  }

  /**
   * These parameters under the names of a model with its head, whether or not they were saved with
   * it; saved without, they lack {@code prefix} before their names.
   *
   * @param probe a name, prefix included, that every checkpoint has
   */
  default ModelTensors withPrefix(String prefix, String probe) {
    if (contains(probe) || !contains(probe.substring(prefix.length()))) {
      return this;
    }
    return new RenamedTensors(
        this, name -> name.startsWith(prefix) ? name.substring(prefix.length()) : name, true);
  }

  /**
   * These parameters under other names.
   *
   * @param stored the name in the file of a parameter's name
   */
  default ModelTensors renamed(UnaryOperator<String> stored) {
    return new RenamedTensors(this, stored, isHeadless());
  }
}
