package io.sluice.training.start;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.VerifiedTensors;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.Engine;
import io.sluice.geometry.Subspace;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.layers.PackedMatrix;
import io.sluice.simd.layers.RowProduct;
import io.sluice.training.config.Remedies;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The linear map from activations to the input of the engine in whitened training ({@code
 * --whiten}) and in constrained training, which keeps the same directions without equal variances;
 * and how the map is folded into the dictionary. With {@code V} the top {@code w} principal
 * directions, as rows, {@code D} a gain for each and {@code m} the mean, the engine sees
 *
 * <pre>u = A·x − c,   A = D·V,   c = A·m in whitening, else 0</pre>
 *
 * and its {@code û} stands for {@code x̂ = A⁺·(û + c) + m − A⁺·A·m} with {@code A⁺ = Vᵀ·D⁻¹}: what
 * lies outside the {@code w} directions passes as its mean. Since {@code A·A⁺ = 1}, an ordinary
 * dictionary does the same on {@code x} with the same codes: {@code W_E·A}, {@code W_D·A⁺ᵀ}, {@code
 * b_D = A⁺·(b_D + c) + m − A⁺·A·m}, and {@code b_E}, less {@code W_E·c} where the encoder does not
 * subtract the decoder bias.
 */
public final class WhiteningMap implements AutoCloseable {
  public static final String FILE = "input-map.safetensors";
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;

  private final int width;
  private final int inside;
  private final double scale;
  private final boolean whitened;
  private final double[] mean;
  private final double[] directions;
  private final double[] gains;

  /** {@code c}, and {@code V·m}, the coordinates of the mean. */
  private final double[] shift;

  private final double[] meanAlong;
  private final double[] squareOfInverse;
  private final PackedMatrix map;
  private final RowProduct product = RowProduct.inOneSum();
  private final Workers workers = Workers.allCores();

  private final GrowingMemory mappedMemory = GrowingMemory.owned();
  private final GrowingMemory rebuiltMemory = GrowingMemory.owned();
  private final GrowingMemory read = new GrowingMemory();
  private float[] raw = new float[0];
  private float[] seen = new float[0];
  private double outside;

  private WhiteningMap(
      double scale, boolean whitened, double[] mean, double[] directions, double[] gains) {
    this.width = mean.length;
    this.inside = gains.length;
    this.scale = scale;
    this.whitened = whitened;
    this.mean = mean;
    this.directions = directions;
    this.gains = gains;
    meanAlong = new double[inside];
    shift = new double[inside];
    squareOfInverse = new double[inside];
    float[] matrix = new float[inside * width];
    float[] offset = new float[inside];
    for (int i = 0; i < inside; i++) {
      for (int j = 0; j < width; j++) {
        meanAlong[i] += directions[i * width + j] * mean[j];
        matrix[i * width + j] = (float) (gains[i] * directions[i * width + j]);
      }
      shift[i] = whitened ? gains[i] * meanAlong[i] : 0;
      offset[i] = (float) -shift[i];
      squareOfInverse[i] = 1 / (gains[i] * gains[i]);
    }
    map = packed(matrix, offset, inside, width);
  }

  /**
   * The map that {@code remedies} ask for.
   *
   * @param subspace the directions that stay, with mean and variances
   * @param scale what activations are multiplied by where they are not whitened
   */
  static WhiteningMap of(Remedies remedies, Subspace subspace, double scale) {
    double[] variances = subspace.variances();
    double[] gains = new double[variances.length];
    for (int i = 0; i < gains.length; i++) {
      double floored = Math.max(variances[i], remedies.whitenFloor() * variances[0]);
      gains[i] = remedies.whiten() ? 1 / Math.sqrt(floored) : scale;
    }
    return new WhiteningMap(
        scale, remedies.whiten(), subspace.mean(), subspace.directions(), gains);
  }

  /** Width of the input of the engine, {@code w}. */
  public int inside() {
    return inside;
  }

  /** {@code A·m − c}: the mean of what the engine sees. */
  double[] mappedMean() {
    double[] result = new double[inside];
    for (int i = 0; i < inside; i++) {
      result[i] = gains[i] * meanAlong[i] - shift[i];
    }
    return result;
  }

  /** The variances of what the engine sees, given those of the activations. */
  double[] mappedVariances(double[] variances) {
    double[] result = new double[inside];
    for (int i = 0; i < inside; i++) {
      result[i] = variances[i] * gains[i] * gains[i];
    }
    return result;
  }

  /**
   * A batch as the engine sees it.
   *
   * @param rows raw activations, {@code [n, d]} with scale 1
   * @return {@code [n, w]} in memory that is good until the next call
   */
  public Rows apply(Rows rows) {
    int count = rows.count();
    raw = ScratchArrays.atLeast(raw, Math.multiplyExact(count, width));
    seen = ScratchArrays.atLeast(seen, Math.multiplyExact(count, inside));
    for (int row = 0; row < count; row++) {
      for (int j = 0; j < width; j++) {
        raw[row * width + j] = rows.at(row, j);
      }
    }
    MemorySegment mapped = mappedMemory.of(count, inside);
    MemorySegment unmapped = read.of(count, width);
    MemorySegment.copy(raw, 0, unmapped, FLOAT, 0, count * width);
    product.multiply(map, unmapped, count, mapped, workers);
    MemorySegment.copy(mapped, FLOAT, 0, seen, 0, count * inside);
    outside = 0;
    if (inside < width) {
      for (int row = 0; row < count; row++) {
        outside += outside(row);
      }
    }
    return new Rows(mapped, DType.F32, count, inside);
  }

  /** The squared distance of a row from the mean that lies outside the directions. */
  private double outside(int row) {
    double sum = 0;
    for (int j = 0; j < width; j++) {
      double distance = raw[row * width + j] - mean[j];
      sum += distance * distance;
    }
    for (int i = 0; i < inside; i++) {
      double along = (seen[row * inside + i] + shift[i]) / gains[i] - meanAlong[i];
      sum -= along * along;
    }
    return Math.max(0, sum);
  }

  /**
   * What the last batch's squared error is for the activations, times the square of the scale, so
   * that it stands beside the error of training without a map.
   *
   * @param engine after {@code decode} of the last batch
   * @param error what {@code decode} returned
   */
  public double squaredError(Engine engine, double error) {
    if (!whitened) {
      return error + scale * scale * outside;
    }
    int count = engine.codes().rows();
    MemorySegment rebuilt = rebuiltMemory.of(count, inside);
    engine.readReconstruction(rebuilt);
    double sum = 0;
    for (int row = 0; row < count; row++) {
      for (int i = 0; i < inside; i++) {
        int at = row * inside + i;
        double distance = rebuilt.getAtIndex(FLOAT, at) - seen[at];
        sum += squareOfInverse[i] * distance * distance;
      }
    }
    return scale * scale * (sum + outside);
  }

  /**
   * An ordinary dictionary for raw activations that does what {@code trained} does on mapped ones.
   *
   * @param config the ordinary dictionary's
   */
  public DictionarySource fold(DictionaryConfig config, DictionarySource trained)
      throws IOException {
    float[] in = new float[width * inside];
    float[] out = new float[width * inside];
    for (int i = 0; i < inside; i++) {
      for (int j = 0; j < width; j++) {
        in[j * inside + i] = (float) (gains[i] * directions[i * width + j]);
        out[j * inside + i] = (float) (directions[i * width + j] / gains[i]);
      }
    }
    float[] none = new float[width];
    MemorySegment decoderBias = Arena.ofAuto().allocate((long) width * Float.BYTES, 64);
    for (int j = 0; j < width; j++) {
      double value = mean[j];
      for (int i = 0; i < inside; i++) {
        double along = (trained.decoderBias().getAtIndex(FLOAT, i) + shift[i]) / gains[i];
        value += directions[i * width + j] * (along - meanAlong[i]);
      }
      decoderBias.setAtIndex(FLOAT, j, (float) value);
    }
    return new DictionarySource(
        config,
        mapped(packed(in, none, width, inside), trained.encoder()),
        foldedEncoderBias(config, trained),
        mapped(packed(out, none, width, inside), trained.decoder()),
        decoderBias,
        null);
  }

  private MemorySegment foldedEncoderBias(DictionaryConfig config, DictionarySource trained)
      throws IOException {
    if (config.subtractDecoderBias() || !whitened) {
      return trained.encoderBias();
    }
    MemorySegment bias = Arena.ofAuto().allocate(trained.encoderBias().byteSize(), 64);
    trained
        .encoder()
        .forPieces(
            config.features(),
            inside,
            (first, rows) -> {
              for (long row = 0; row < rows.byteSize() / Float.BYTES / inside; row++) {
                double value = trained.encoderBias().getAtIndex(FLOAT, first + row);
                for (int i = 0; i < inside; i++) {
                  value -= shift[i] * rows.getAtIndex(FLOAT, row * inside + i);
                }
                bias.setAtIndex(FLOAT, first + row, (float) value);
              }
            });
    return bias;
  }

  /** Maps rows as they are read. */
  private WeightRows mapped(PackedMatrix by, WeightRows from) {
    return (first, rows) -> {
      int count = Math.toIntExact(rows.byteSize() / Float.BYTES / by.out());
      try (Arena arena = Arena.ofShared()) {
        MemorySegment unmapped = arena.allocate((long) count * by.in() * Float.BYTES, 64);
        from.read(first, unmapped);
        product.multiply(by, unmapped, count, rows, workers);
      }
    };
  }

  private PackedMatrix packed(float[] matrix, float[] offset, int outputs, int inputs) {
    PackedMatrix packed = new PackedMatrix(outputs, inputs, Arena.ofAuto());
    packed.set(0, outputs, MemorySegment.ofArray(matrix), inputs, 1, workers);
    packed.setBias(0, offset);
    return packed;
  }

  /** Writes the map into a run's folder. */
  public void write(Path folder) throws IOException {
    VerifiedTensors.write(
        folder.resolve(FILE),
        List.of(
            tensor("mean", mean, width),
            tensor("directions", directions, inside, width),
            tensor("gains", gains, inside),
            tensor("scale", new double[] {scale}, 1)),
        Map.of("whitened", Boolean.toString(whitened)));
  }

  private static TensorData tensor(String name, double[] values, long... shape) {
    // Checksums are taken of native memory.
    MemorySegment memory = Arena.ofAuto().allocate((long) values.length * Double.BYTES, 64);
    MemorySegment.copy(values, 0, memory, DOUBLE, 0, values.length);
    return TensorData.of(name, DType.F64, memory, shape);
  }

  /**
   * Reads the map of a run's folder.
   *
   * @param width of the activations
   * @throws IOException if it is missing, damaged or of another width; the message names the file
   */
  public static WhiteningMap read(Path folder, int width) throws IOException {
    Path file = folder.resolve(FILE);
    Safetensors tensors = VerifiedTensors.open(file);
    for (String name : List.of("mean", "directions", "gains", "scale")) {
      if (!tensors.names().contains(name) || tensors.info(name).dtype() != DType.F64) {
        throw new IOException(file + ": has no float64 tensor '" + name + "'; start a new run");
      }
    }
    double[] mean = values(tensors, "mean");
    double[] gains = values(tensors, "gains");
    double[] directions = values(tensors, "directions");
    double[] scale = values(tensors, "scale");
    if (mean.length != width
        || gains.length < 1
        || gains.length > width
        || directions.length != gains.length * width
        || scale.length != 1) {
      throw new IOException(
          "%s: maps %d values, but the activations have %d; start a new run"
              .formatted(file, mean.length, width));
    }
    boolean whitened = Boolean.parseBoolean(tensors.metadata().get("whitened"));
    return new WhiteningMap(scale[0], whitened, mean, directions, gains);
  }

  private static double[] values(Safetensors tensors, String name) {
    MemorySegment data = tensors.data(name);
    double[] values = new double[Math.toIntExact(data.byteSize() / Double.BYTES)];
    MemorySegment.copy(data, DOUBLE, 0, values, 0, values.length);
    return values;
  }

  @Override
  public void close() {
    mappedMemory.close();
    rebuiltMemory.close();
  }
}
