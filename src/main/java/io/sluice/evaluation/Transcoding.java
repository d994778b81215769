package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
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
  private final DictionaryConfig config;
  private final Engine engine;
  private final HookPoint input;
  private final HookPoint output;
  private final int from;
  private final Arena arena = Arena.ofShared();
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
    this.config = dictionary.config();
    this.from = from;
    this.input = HookPoint.parse(config.inputHook());
    this.output = HookPoint.parse(config.outputHook());
    requireBefore(input, output);
    this.engine = dictionary.open(engines);
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
          if (from < activation.size(1)) {
            read(rows(later(activation, from)));
          }
          return activation;
        };
    return Hooks.none().replace(input, reader).replace(output, this);
  }

  private void read(Tensor seen) {
    rows = Math.toIntExact(seen.size(0));
    long bytes = (long) rows * config.outputWidth() * Float.BYTES;
    if (written.byteSize() < bytes) {
      written = arena.allocate(bytes, 64);
    }
    try (Arena own = Arena.ofConfined()) {
      MemorySegment memory = own.allocate((long) rows * config.inputWidth() * Float.BYTES, 64);
      seen.copyTo(memory);
      engine.encode(new Rows(memory, DType.F32, rows, config.inputWidth()), config.activation());
      // The target does not matter, but an engine compares while it decodes.
      engine.decode(new Rows(written, DType.F32, rows, config.outputWidth()), false);
      engine.readReconstruction(written);
    }
  }

  @Override
  Tensor replaced(Tensor replacing) {
    if (replacing.size(0) != rows) {
      throw new IllegalStateException(
          "%d rows of %s were read for %d of %s".formatted(rows, input, replacing.size(0), output));
    }
    Tensor result = Tensor.empty(DType.F32, Device.CPU, rows, config.outputWidth());
    result.copyFrom(written.asSlice(0, (long) rows * config.outputWidth() * Float.BYTES));
    return result.to(replacing.device());
  }

  @Override
  public void close() {
    engine.close();
    arena.close();
  }
}
