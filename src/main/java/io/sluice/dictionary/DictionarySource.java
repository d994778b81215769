package io.sluice.dictionary;

import io.sluice.engine.spec.DictionaryParameters;
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

  /** The same weights with another configuration. */
  public DictionarySource with(DictionaryConfig other) {
    return new DictionarySource(other, encoder, encoderBias, decoder, decoderBias, skip);
  }

  /** Whether the dictionary has a skip connection. */
  public boolean hasSkip() {
    return skip != null;
  }

  /** Reads all weights into memory of {@code arena}. */
  public Dictionary read(Arena arena) throws IOException {
    DictionaryParameters p =
        DictionaryParameters.allocate(
            arena, config.inputWidth(), config.outputWidth(), config.features());
    read(encoder, config.inputWidth(), p.encoder());
    read(decoder, config.outputWidth(), p.decoder());
    p.encoderBias().copyFrom(encoderBias);
    p.decoderBias().copyFrom(decoderBias);
    return new Dictionary(config, p, skip);
  }

  private void read(WeightRows matrix, int width, MemorySegment to) throws IOException {
    matrix.forPieces(
        config.features(),
        width,
        (first, rows) ->
            MemorySegment.copy(rows, 0, to, (long) first * width * Float.BYTES, rows.byteSize()));
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
