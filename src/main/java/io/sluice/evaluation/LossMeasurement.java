package io.sluice.evaluation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.measures.EffectSums;
import io.sluice.geometry.Covariance;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.Predictions;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.capture.ContextBatches;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextProblems;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.IntConsumer;
import java.util.function.LongConsumer;
import java.util.function.Predicate;

/**
 * Runs texts through a causal language model with replaced activations and measures the loss. All
 * variants of a batch share the layers before the first replaced one.
 */
public final class LossMeasurement {
  /** The shares of the width in {@link #usualKs}, in 64ths. */
  private static final int[] SIXTY_FOURTHS = {1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 60, 64};

  private static final ObjectMapper JSON = new ObjectMapper();

  private final LoadedModel model;
  private final ContextSpec contexts;
  private final int from;
  private final Predicate<int[]> keep;
  private TextProblems problems;

  /**
   * @param contexts the texts
   * @param from the first position of each context that is replaced; 1 spares the attention sink
   * @throws IllegalArgumentException if the model is not a causal language model, or {@code from}
   *     is negative
   */
  public LossMeasurement(LoadedModel model, ContextSpec contexts, int from) {
    this(model, contexts, from, null);
  }

  /**
   * @param contexts the texts
   * @param from the first position of each context that is replaced; 1 spares the attention sink
   * @param keep decides from a context's tokens, without special tokens, whether it is used; null
   *     if all do
   * @throws IllegalArgumentException as the other
   */
  public LossMeasurement(LoadedModel model, ContextSpec contexts, int from, Predicate<int[]> keep) {
    if (from < 0) {
      throw new IllegalArgumentException("the first position is " + from);
    }
    model.languageModel();
    this.model = model;
    this.contexts = contexts;
    this.from = from;
    this.keep = keep;
  }

  /** Numbers of directions for a curve: dense at both ends, with the width as the last. */
  public static int[] usualKs(int width) {
    TreeSet<Integer> ks = new TreeSet<>();
    for (int part : SIXTY_FOURTHS) {
      ks.add(Math.max(1, Math.round(part * width / 64f)));
    }
    return ks.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * The loss-recovered curves of hook points.
   *
   * @param covariances mean and covariance of each hook point
   * @param ks numbers of directions, each from 1 to the width; null for {@link #usualKs}
   * @param progress told how many tokens of text are done, after each variant of a batch
   * @throws IOException if a text cannot be read, or the loss is not finite
   * @throws IllegalArgumentException if a width is not the model's, or a {@code k} is out of range
   */
  public LossRecovery curves(
      Map<HookPoint, Covariance> covariances, int[] ks, LongConsumer progress) throws IOException {
    Device device = model.transformer().device();
    List<Variant> variants = new ArrayList<>();
    variants.add(new Variant(null, 0, null));
    try {
      for (Map.Entry<HookPoint, Covariance> entry : covariances.entrySet()) {
        HookPoint point = entry.getKey();
        Covariance covariance = entry.getValue();
        requireWidth(point, covariance.width());
        int[] each = ks == null ? usualKs(covariance.width()) : ascending(ks);
        List<SubspaceProjection> projections =
            SubspaceProjection.onTop(covariance, each, device, from);
        variants.add(
            new Variant(
                point, 0, SubspaceProjection.meanAblation(covariance.mean(), device, from)));
        for (int i = 0; i < each.length; i++) {
          variants.add(new Variant(point, each[i], projections.get(i)));
        }
      }
      List<TokenLoss> losses = run(variants, progress);
      double clean = losses.getFirst().mean();
      List<LossRecovery.Curve> curves = new ArrayList<>();
      for (Map.Entry<HookPoint, Covariance> entry : covariances.entrySet()) {
        curves.add(curve(entry.getKey(), entry.getValue().width(), variants, losses, clean));
      }
      return new LossRecovery(
          model.name(), textName(), losses.getFirst().tokens(), from, clean, curves);
    } finally {
      variants.forEach(Variant::close);
    }
  }

  private static LossRecovery.Curve curve(
      HookPoint point, int width, List<Variant> variants, List<TokenLoss> losses, double clean)
      throws IOException {
    double ablated = 0;
    List<LossRecovery.Point> points = new ArrayList<>();
    for (int i = 0; i < variants.size(); i++) {
      if (!point.equals(variants.get(i).point())) {
        continue;
      }
      int k = variants.get(i).k();
      double loss = losses.get(i).mean();
      if (k == 0) {
        ablated = loss;
      } else {
        double recovered = recovered(point.toString(), clean, ablated, loss);
        points.add(new LossRecovery.Point(k, (double) k / width, loss, recovered));
      }
    }
    return new LossRecovery.Curve(point.toString(), width, ablated, points);
  }

  /**
   * The loss recovered by a dictionary's reconstruction at the hook point that it writes.
   *
   * @param mean of the activations there, {@code [width]}
   * @param progress told how many tokens of text are done, after each variant of a batch
   * @throws IOException if a text cannot be read, or the loss is not finite
   * @throws IllegalArgumentException if the dictionary is not of this model's widths, or reads what
   *     the model computes after what it writes
   */
  public LossRecovered of(
      Dictionary dictionary, EngineFactory engines, double[] mean, LongConsumer progress)
      throws IOException {
    DictionaryConfig config = dictionary.config();
    HookPoint point = HookPoint.parse(config.outputHook());
    requireWidth(HookPoint.parse(config.inputHook()), config.inputWidth());
    requireWidth(point, config.outputWidth());
    try (Variant replaced =
        new Variant(
            point,
            0,
            config.isAutoencoder()
                ? new DictionaryReconstruction(dictionary, engines, from)
                : new Transcoding(dictionary, engines, from))) {
      return of(point, replaced.hooks(), mean, progress);
    }
  }

  /**
   * The loss recovered with a replaced activation.
   *
   * @param point the activation
   * @param replaced hooks that replace it, and may read others
   * @param mean of the activations there, {@code [width]}
   * @param progress told how many tokens of text are done, after each variant of a batch
   * @throws IOException if a text cannot be read, or the loss is not finite
   * @throws IllegalArgumentException if the mean is not of the model's width
   */
  public LossRecovered of(HookPoint point, Hooks replaced, double[] mean, LongConsumer progress)
      throws IOException {
    requireWidth(point, mean.length);
    try (SubspaceProjection ablation =
        SubspaceProjection.meanAblation(mean, model.transformer().device(), from)) {
      Hooks ablated = Hooks.none().replace(point, ablation);
      return measured(point.toString(), Hooks.none(), ablated, replaced, progress);
    }
  }

  /**
   * The loss recovered with several activations replaced together by a dictionary's
   * reconstructions. For the baseline {@code L₀} all of them are replaced by their means together.
   *
   * <p>A crosscoder reads its sites in the unchanged model. The layers of a cross-layer transcoder
   * read in the pass in which earlier outputs are already replaced.
   *
   * @param layers a crosscoder, or the layers of a cross-layer transcoder
   * @param means of the activations that are replaced, each {@code [width]}
   * @param progress told how many tokens of text are done, after each batch
   * @throws IOException if a text cannot be read, or the loss is not finite
   * @throws IllegalArgumentException if the dictionaries are not of this model's widths, or one
   *     reads what the model computes after what it writes
   */
  public LossRecovered of(
      List<Dictionary> layers,
      EngineFactory engines,
      Map<HookPoint, double[]> means,
      LongConsumer progress)
      throws IOException {
    boolean crosscoder = layers.size() == 1 && layers.getFirst().config().isAutoencoder();
    List<SubspaceProjection> ablations = new ArrayList<>();
    try (JointReplacement replacement =
        crosscoder
            ? new CrosscoderReconstruction(layers.getFirst(), engines, from)
            : new CrossLayerTranscoding(layers, engines, from)) {
      replacement.widths().forEach(this::requireWidth);
      Hooks ablated = Hooks.none();
      for (HookPoint point : replacement.replaced()) {
        double[] mean = means.get(point);
        requireWidth(point, mean.length);
        ablations.add(SubspaceProjection.meanAblation(mean, model.transformer().device(), from));
        ablated = ablated.replace(point, ablations.getLast());
      }
      String names = new TreeSet<>(replacement.replaced()).toString();
      return measured(names, replacement.reading(), ablated, replacement.hooks(), progress);
    } finally {
      ablations.forEach(Intervention::close);
    }
  }

  private LossRecovered measured(
      String what, Hooks reading, Hooks ablated, Hooks replaced, LongConsumer progress)
      throws IOException {
    Hooks zeros = Hooks.none();
    for (HookPoint point : ablated.points()) {
      zeros = zeros.replace(point, (at, x) -> Tensor.zeros(x.dtype(), x.device(), x.shape()));
    }
    List<Hooks> hooks = List.of(reading, ablated, replaced, zeros);
    List<TokenLoss> losses = noLosses(hooks.size());
    EffectSums effects = new EffectSums(from);
    runBatches(
        hooks.size(),
        (batch, done) -> {
          Predictions found = model.languageModel().predictions(batch, hooks, done);
          add(losses, found.sums());
          effects.add(found);
        },
        progress);
    requireTokens(losses);
    double clean = losses.get(0).mean();
    double without = losses.get(1).mean();
    double loss = losses.get(2).mean();
    return new LossRecovered(
        textName(),
        losses.getFirst().tokens(),
        clean,
        without,
        loss,
        recovered(what, clean, without, loss),
        effects.effect());
  }

  private List<TokenLoss> run(List<Variant> variants, LongConsumer progress) throws IOException {
    List<Hooks> hooks = variants.stream().map(Variant::hooks).toList();
    List<TokenLoss> sums = noLosses(hooks.size());
    runBatches(
        hooks.size(),
        (batch, done) -> add(sums, model.languageModel().losses(batch, hooks, done)),
        progress);
    requireTokens(sums);
    return sums;
  }

  private static List<TokenLoss> noLosses(int variants) {
    return new ArrayList<>(Collections.nCopies(variants, TokenLoss.NONE));
  }

  private static void add(List<TokenLoss> sums, List<TokenLoss> losses) {
    for (int i = 0; i < sums.size(); i++) {
      sums.set(i, sums.get(i).plus(losses.get(i)));
    }
  }

  /** Runs all variants over a batch, and says after each how many are done. */
  private interface BatchRun {
    void run(TokenBatch batch, IntConsumer done);
  }

  private void runBatches(int variants, BatchRun run, LongConsumer progress) throws IOException {
    long tokens = 0;
    try (ContextBatches batches =
        keep == null
            ? ContextBatches.open(model, contexts)
            : ContextBatches.open(model, contexts, keep)) {
      for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
        long before = tokens;
        long more = batches.tokens() - before;
        run.run(batch, done -> progress.accept(before + more * done / variants));
        tokens = batches.tokens();
      }
      problems = batches.problems();
    }
  }

  private void requireTokens(List<TokenLoss> sums) throws IOException {
    if (sums.getFirst().tokens() == 0 && keep != null) {
      throw new IOException(
          textName() + ": none of its contexts is selected; give another text, or other rows");
    }
    if (sums.getFirst().tokens() == 0) {
      throw new IOException(
          textName() + ": has no two tokens in a row, so there is no loss; give a longer text");
    }
  }

  /** The problems in the texts of the latest measurement; null before the first. */
  public TextProblems problems() {
    return problems;
  }

  private static double recovered(String hook, double clean, double ablated, double loss)
      throws IOException {
    double recovered = (ablated - loss) / (ablated - clean);
    if (!Double.isFinite(recovered)) {
      throw new IOException(
          hook
              + ": the loss is "
              + clean
              + ", with the mean in its place "
              + ablated
              + ", replaced "
              + loss
              + "; nothing can be recovered of that: give a longer text, or replace from an earlier"
              + " position");
    }
    return recovered;
  }

  private void requireWidth(HookPoint point, int width) {
    if (point.layer() >= model.transformer().shape().layers()) {
      throw new IllegalArgumentException(
          point
              + " is not in "
              + model.name()
              + ", which has "
              + model.transformer().shape().layers()
              + " layers, counted from 0");
    }
    int actual = model.transformer().width(point);
    if (actual != width) {
      throw new IllegalArgumentException(
          point + " of " + model.name() + " is " + actual + " wide, not " + width);
    }
  }

  private static int[] ascending(int[] ks) {
    return Arrays.stream(ks).sorted().distinct().toArray();
  }

  private String textName() {
    return contexts.texts().name();
  }

  /** The curves as JSON. */
  public static String json(LossRecovery recovery) {
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(recovery) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** One variant of a run; the clean one has neither point nor intervention. */
  private record Variant(HookPoint point, int k, Intervention intervention)
      implements AutoCloseable {
    Hooks hooks() {
      return switch (intervention) {
        case null -> Hooks.none();
        case Transcoding transcoding -> transcoding.hooks();
        default -> Hooks.none().replace(point, intervention);
      };
    }

    @Override
    public void close() {
      if (intervention != null) {
        intervention.close();
      }
    }
  }
}
