package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.model.Hook;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Replaces an activation by a transcoder's output, computed from another activation earlier in the
 * same pass of the model.
 */
public final class Transcoding extends Intervention {
  private final RunningDictionary dictionary;
  private final HookPoint input;
  private final HookPoint output;
  private final GrowingMemory room = GrowingMemory.owned();
  private MemorySegment written = MemorySegment.NULL;
  private int rows;

  /**
   * Opens an engine for the dictionary.
   *
   * @param from the first position that is replaced
   * @throws IllegalArgumentException if the model computes what the dictionary reads after what it
   *     writes
   */
  public Transcoding(Dictionary dictionary, EngineFactory engines, int from) {
    super(dictionary.config().outputWidth(), from);
    this.input = HookPoint.parse(dictionary.config().inputHook());
    this.output = HookPoint.parse(dictionary.config().outputHook());
    requireBefore(input, output);
    this.dictionary = new RunningDictionary(dictionary, engines);
  }

  /** Refuses an input that the model computes after the output. */
  static void requireBefore(HookPoint input, HookPoint output) {
    if (input.compareTo(output) >= 0) {
      throw new IllegalArgumentException(
          ("the dictionary reads '%s', which a running model computes after '%s': it cannot take"
                  + " its place there")
              .formatted(input, output));
    }
  }

  /** The hooks that read and replace. */
  public Hooks hooks() {
    Hook reader =
        (point, activation) -> {
          if (!positions().areNone(activation)) {
            read(activation);
          }
          return activation;
        };
    return Hooks.none().replace(input, reader).replace(output, this);
  }

  private void read(Tensor activation) {
    try (Arena own = Arena.ofConfined()) {
      Rows seen = positions().hostRows(activation, own);
      rows = seen.count();
      int width = dictionary.config().outputWidth();
      written = room.of(rows, width);
      dictionary.reconstruct(seen, new Rows(written, DType.F32, rows, width), written);
    }
  }

  @Override
  Tensor replaced(Tensor replacing) {
    if (replacing.size(0) != rows) {
      throw new IllegalStateException(
          "%d rows of %s were read for %d of %s".formatted(rows, input, replacing.size(0), output));
    }
    int width = dictionary.config().outputWidth();
    Tensor result = Tensor.empty(DType.F32, Device.CPU, rows, width);
    result.copyFrom(written.asSlice(0, (long) rows * width * Float.BYTES));
    return result;
  }

  @Override
  public void close() {
    dictionary.close();
    room.close();
  }
}
