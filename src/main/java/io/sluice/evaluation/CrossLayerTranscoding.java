package io.sluice.evaluation;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Replaces the outputs of several layers by those of a cross-layer transcoder, in one pass. Each
 * input is read as that pass computes it, so later layers read the errors of earlier replaced
 * outputs (the <em>replacement model</em> of Ameisen et al., Circuit Tracing, 2025).
 */
public final class CrossLayerTranscoding implements JointReplacement {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final List<Layer> layers = new ArrayList<>();
  private final Map<HookPoint, Integer> widths = new HashMap<>();

  /** The sum of the contributions to each output in this pass. */
  private final TreeMap<HookPoint, float[]> sums = new TreeMap<>();

  private final HookPoint first;
  private final ReplacedPositions positions;
  private int rows;

  /**
   * Opens an engine for each dictionary.
   *
   * @param dictionaries the layers; each reads one hook point, and outputs of several layers to one
   *     hook point are summed
   * @param from the first position that is replaced
   * @throws IllegalArgumentException if the model computes what a layer reads after what it writes
   */
  public CrossLayerTranscoding(List<Dictionary> dictionaries, EngineFactory engines, int from) {
    positions = new ReplacedPositions(from);
    for (Dictionary dictionary : dictionaries) {
      DictionaryConfig config = dictionary.config();
      HookPoint input = HookPoint.parse(config.inputHook());
      widths.put(input, config.inputWidth());
      for (Site site : config.outputs()) {
        HookPoint output = HookPoint.parse(site.hook());
        Transcoding.requireBefore(input, output);
        widths.put(output, site.width());
        sums.put(output, new float[0]);
      }
    }
    try {
      for (Dictionary dictionary : dictionaries) {
        HookPoint input = HookPoint.parse(dictionary.config().inputHook());
        layers.add(new Layer(input, new RunningDictionary(dictionary, engines)));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    first = layers.stream().map(Layer::input).min(HookPoint::compareTo).orElseThrow();
  }

  private record Layer(HookPoint input, RunningDictionary dictionary) {}

  @Override
  public Map<HookPoint, Integer> widths() {
    return Map.copyOf(widths);
  }

  @Override
  public Set<HookPoint> replaced() {
    return Set.copyOf(sums.keySet());
  }

  /** None: the inputs are computed before the outputs that are replaced. */
  @Override
  public Hooks reading() {
    return Hooks.none();
  }

  @Override
  public Hooks hooks() {
    Hooks hooks = Hooks.none();
    // The output of one layer may be the input of another, which then reads the replacement.
    for (HookPoint output : sums.keySet()) {
      hooks = hooks.replace(output, this::replace);
    }
    Set<HookPoint> inputs = new TreeSet<>();
    layers.forEach(layer -> inputs.add(layer.input));
    return hooks.observe(inputs, this::read);
  }

  private void read(HookPoint point, Tensor activation) {
    if (positions.areNone(activation)) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      Rows seen = positions.hostRows(activation, arena);
      if (point.equals(first)) {
        rows = seen.count();
        sums.replaceAll(
            (output, before) -> new float[Math.multiplyExact(rows, widths.get(output))]);
      }
      for (Layer layer : layers) {
        if (layer.input.equals(point)) {
          write(layer, seen, arena);
        }
      }
    }
  }

  private void write(Layer layer, Rows input, Arena arena) {
    DictionaryConfig config = layer.dictionary.config();
    int width = config.outputWidth();
    MemorySegment made = arena.allocate((long) rows * width * Float.BYTES, 64);
    layer.dictionary.reconstruct(input, new Rows(made, DType.F32, rows, width), made);
    int column = 0;
    for (Site site : config.outputs()) {
      float[] sum = sums.get(HookPoint.parse(site.hook()));
      for (int row = 0; row < rows; row++) {
        long at = (long) row * width + column;
        for (int i = 0; i < site.width(); i++) {
          sum[row * site.width() + i] += made.getAtIndex(FLOAT, at + i);
        }
      }
      column += site.width();
    }
  }

  private Tensor replace(HookPoint point, Tensor activation) {
    if (positions.areNone(activation)) {
      return activation;
    }
    int width = widths.get(point);
    Tensor result = Tensor.empty(DType.F32, Device.CPU, rows, width);
    result.copyFrom(MemorySegment.ofArray(sums.get(point)));
    return positions.put(activation, result);
  }

  @Override
  public void close() {
    layers.forEach(layer -> layer.dictionary.close());
  }
}
