package io.sluice.training;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.Engine;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.HugeMemory;
import io.sluice.training.start.ColumnScales;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The weights of an engine that trains, replaced by those of its exported dictionary in the same
 * memory until this is closed. So a dictionary of several gigabytes is measured during training
 * without a second copy.
 *
 * <p>An exported weight is {@code fl(c·w)} with a number {@code c} of its column. Two roundings
 * separate {@code fl(fl(c·w) / c)} from {@code w}, so it is {@code w} or one of the two floats
 * beside it: two bits for each weight say which, and {@link #close} restores all weights bit for
 * bit. The few for which this does not hold, such as products below the normal range, are kept.
 */
final class ExportedInPlace implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Weights of one byte of {@link Matrix#steps}. */
  private static final int PER_BYTE = 4;

  /** In place of a step, that the weight itself is kept. */
  private static final int KEPT = 3;

  private final Engine engine;
  private final DictionarySource exported;
  private final Arena arena = Arena.ofShared();
  private final Matrix encoder;
  private final Matrix decoder;

  private ExportedInPlace(Engine engine, DictionarySource exported, StartingPoint start) {
    this.engine = engine;
    this.exported = exported;
    float[] read = ColumnScales.of(start.inputs(), exported.config().inputs());
    float[] written = ColumnScales.of(start.outputs(), exported.config().outputs());
    double[] back = new double[read.length];
    Arrays.setAll(back, i -> 1.0 / read[i]);
    double[] backOfDecoder = new double[written.length];
    Arrays.setAll(backOfDecoder, i -> written[i]);
    List<StateTensor> state = engine.state();
    encoder = new Matrix(state.get(0), exported.encoder(), back);
    decoder = new Matrix(state.get(2), exported.decoder(), backOfDecoder);
  }

  /**
   * Replaces the weights.
   *
   * @param engine one whose memory can be read in place; it must not be used until this is closed
   * @param exported the dictionary made of it, by numbers of columns alone
   * @param start what was exported with
   */
  static ExportedInPlace of(Engine engine, DictionarySource exported, StartingPoint start)
      throws IOException {
    ExportedInPlace placed = new ExportedInPlace(engine, exported, start);
    try {
      placed.encoder.replace();
      placed.decoder.replace();
      return placed;
    } catch (IOException | RuntimeException | Error e) {
      placed.close();
      throw e;
    }
  }

  /** The exported dictionary, over the engine's memory. */
  Dictionary dictionary() {
    return new Dictionary(
        exported.config(),
        new DictionaryParameters(
            exported.config().inputWidth(),
            exported.config().outputWidth(),
            exported.config().features(),
            engine.read(encoder.tensor, arena),
            exported.encoderBias(),
            engine.read(decoder.tensor, arena),
            exported.decoderBias()),
        exported.skip());
  }

  /** Restores the weights of training. */
  @Override
  public void close() {
    try (arena) {
      encoder.restore();
      decoder.restore();
    }
  }

  private final class Matrix {
    final StateTensor tensor;
    private final WeightRows source;

    /** By column, what an exported weight is multiplied with to give the trained one. */
    private final double[] back;

    private final boolean differs;

    /** Row by row in whole bytes, two bits per weight: its step from the quotient, and 1. */
    private final MemorySegment steps;

    private final Map<Long, Float> kept = new HashMap<>();
    private final float[] before;
    private final float[] after;
    private final byte[] packed;

    /** Rows that are replaced. */
    private long replaced;

    Matrix(StateTensor tensor, WeightRows source, double[] back) {
      this.tensor = tensor;
      this.source = source;
      this.back = back;
      differs = Arrays.stream(back).anyMatch(factor -> factor != 1);
      before = new float[back.length];
      after = new float[back.length];
      packed = new byte[Math.ceilDiv(back.length, PER_BYTE)];
      steps =
          differs ? HugeMemory.allocate(tensor.rows() * packed.length, arena) : MemorySegment.NULL;
    }

    void replace() throws IOException {
      if (!differs) {
        return;
      }
      try (Arena own = Arena.ofShared()) {
        MemorySegment scratch = own.allocate(mostRows() * tensor.rowBytes(), 64);
        for (long first = 0; first < tensor.rows(); first += mostRows()) {
          MemorySegment rows = scratch.asSlice(0, countAt(first) * tensor.rowBytes());
          source.read((int) first, rows);
          try (Arena ofPiece = Arena.ofShared()) {
            note(first, engine.read(tensor, first, countAt(first), ofPiece), rows);
          }
          engine.write(tensor, first, rows);
          replaced = first + countAt(first);
        }
      }
    }

    private long mostRows() {
      return Math.max(1, WeightRows.PIECE / tensor.rowBytes());
    }

    private long countAt(long first) {
      return Math.min(mostRows(), tensor.rows() - first);
    }

    /** Notes how each trained weight is found again. */
    private void note(long first, MemorySegment trained, MemorySegment rows) {
      int width = back.length;
      for (long row = 0; row < rows.byteSize() / tensor.rowBytes(); row++) {
        MemorySegment.copy(trained, FLOAT, row * tensor.rowBytes(), before, 0, width);
        MemorySegment.copy(rows, FLOAT, row * tensor.rowBytes(), after, 0, width);
        Arrays.fill(packed, (byte) 0);
        for (int i = 0; i < width; i++) {
          int step =
              Float.floatToRawIntBits(before[i]) - Float.floatToRawIntBits(quotient(after[i], i));
          int code = step + 1;
          if (code < 0 || code >= KEPT) {
            code = KEPT;
            kept.put((first + row) * width + i, before[i]);
          }
          packed[i / PER_BYTE] |= (byte) (code << 2 * (i % PER_BYTE));
        }
        MemorySegment.copy(
            packed, 0, steps, ValueLayout.JAVA_BYTE, (first + row) * packed.length, packed.length);
      }
    }

    private float quotient(float exported, int column) {
      return (float) (exported * back[column]);
    }

    void restore() {
      try (Arena own = Arena.ofShared()) {
        MemorySegment scratch = own.allocate(mostRows() * tensor.rowBytes(), 64);
        for (long first = 0; first < replaced; first += mostRows()) {
          MemorySegment rows = scratch.asSlice(0, countAt(first) * tensor.rowBytes());
          try (Arena ofPiece = Arena.ofShared()) {
            rows.copyFrom(engine.read(tensor, first, countAt(first), ofPiece));
          }
          restore(first, rows);
          engine.write(tensor, first, rows);
        }
      }
      replaced = 0;
    }

    private void restore(long first, MemorySegment rows) {
      int width = back.length;
      for (long row = 0; row < rows.byteSize() / tensor.rowBytes(); row++) {
        MemorySegment.copy(rows, FLOAT, row * tensor.rowBytes(), after, 0, width);
        MemorySegment.copy(
            steps, ValueLayout.JAVA_BYTE, (first + row) * packed.length, packed, 0, packed.length);
        for (int i = 0; i < width; i++) {
          int code = packed[i / PER_BYTE] >> 2 * (i % PER_BYTE) & KEPT;
          before[i] =
              code == KEPT
                  ? kept.get((first + row) * width + i)
                  : Float.intBitsToFloat(Float.floatToRawIntBits(quotient(after[i], i)) + code - 1);
        }
        MemorySegment.copy(before, 0, rows, FLOAT, row * tensor.rowBytes(), width);
      }
    }
  }
}
