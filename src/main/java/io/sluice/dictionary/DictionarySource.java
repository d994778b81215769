package io.sluice.dictionary;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.HugeMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A dictionary whose weight matrices are read some rows at a time, from an engine, a file of
 * another library or another dictionary. What it is made from stays as it is meanwhile.
 *
 * @param config its configuration
 * @param encoder {@code W_E}, {@code [features, inputWidth]}
 * @param encoderBias {@code b_E}, float32 {@code [features]}
 * @param decoder {@code W_D}, {@code [features, outputWidth]}
 * @param decoderBias {@code b_D}, float32 {@code [outputWidth]}
 * @param skip the matrix of a skip connection, float32 {@code [outputWidth, inputWidth]}, or null
 */
public record DictionarySource(
    DictionaryConfig config,
    WeightRows encoder,
    MemorySegment encoderBias,
    WeightRows decoder,
    MemorySegment decoderBias,
    MemorySegment skip) {

  public DictionarySource {
    Dictionary.requireFits(config, skip);
  }

  /** The same weights with another configuration. */
  public DictionarySource with(DictionaryConfig other) {
    return new DictionarySource(other, encoder, encoderBias, decoder, decoderBias, skip);
  }

  /** Whether the dictionary has a skip connection. */
  public boolean hasSkip() {
    return skip != null;
  }

  /** The same dictionary with other matrices, and another configuration. */
  public DictionarySource with(DictionaryConfig other, WeightRows encoder, WeightRows decoder) {
    return new DictionarySource(other, encoder, encoderBias, decoder, decoderBias, skip);
  }

  /**
   * Reads all weights into memory of {@code arena}; matrices that are in memory or mapped already
   * stay where they are.
   */
  public Dictionary read(Arena arena) throws IOException {
    return new Dictionary(
        config,
        new DictionaryParameters(
            config.inputWidth(),
            config.outputWidth(),
            config.features(),
            read(encoder, config.inputWidth(), arena),
            encoderBias,
            read(decoder, config.outputWidth(), arena),
            decoderBias),
        skip);
  }

  private MemorySegment read(WeightRows matrix, int width, Arena arena) throws IOException {
    if (matrix instanceof RowsInMemory rows) {
      return rows.matrix();
    }
    long rowBytes = (long) width * Float.BYTES;
    MemorySegment all = HugeMemory.allocate(config.features() * rowBytes, arena);
    matrix.forPieces(
        config.features(),
        width,
        (first, rows) -> MemorySegment.copy(rows, 0, all, first * rowBytes, rows.byteSize()));
    return all;
  }

  /**
   * Writes the files of a dictionary as {@link Dictionary#save} does, without having all weights in
   * memory.
   *
   * @throws IOException if writing or reading fails; previous files are then unchanged
   */
  public void save(Path folder) throws IOException {
    DictionaryFiles.save(this, folder);
  }
}
