package io.sluice.features.effects;

import io.sluice.dictionary.Site;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.LogitEffects;
import io.sluice.features.gather.FeatureLayer;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.LanguageModel;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * The tokens that features promote and suppress most on the direct path: what their decoder rows
 * add to the logits ({@link LanguageModel#directLogits}).
 *
 * <p>Of a dictionary that writes several hook points, the rows are added up as the model would: a
 * residual stream includes what earlier hook points write, so of those only the last counts, with
 * what later layers write.
 */
public final class PromotedTokens {
  private static final long LOGITS_AT_ONCE = 8 << 20;

  private final LanguageModel model;
  private final DictionaryParameters rows;
  private final List<Part> parts;

  /** A hook point, and where its values are in a decoder row. */
  private record Part(HookPoint point, int from, int width) {}

  /** Receives the tokens of features, in order. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes the tokens of one feature. The arrays are used again.
     *
     * @param promoted the largest logits, descending
     * @param suppressed the smallest, ascending
     */
    void take(int feature, Ranking promoted, Ranking suppressed) throws IOException;
  }

  /**
   * Prepares the computation.
   *
   * @throws IllegalArgumentException if the dictionary writes what no layer adds to the residual
   *     stream, or hook points whose sum is not known, or has another width than the model
   */
  public PromotedTokens(LanguageModel model, FeatureLayer layer) {
    this.model = model;
    this.rows = layer.parameters();
    this.parts = parts(model, layer.outputs());
  }

  private static List<Part> parts(LanguageModel model, List<Site> sites) {
    String refusal = refusal(model, sites);
    if (refusal != null) {
      throw new IllegalArgumentException(refusal);
    }
    List<Part> counted = counted(sites);
    for (Site site : sites) {
      HookPoint point = HookPoint.parse(site.hook());
      if (point.layer() >= model.shape().layers() || model.width(point) != site.width()) {
        throw new IllegalArgumentException(
            "%s of width %d is not in the model, which has %d layers of width %d; give the model that was captured"
                .formatted(point, site.width(), model.shape().layers(), model.shape().dModel()));
      }
    }
    return counted;
  }

  /**
   * Why features that write some hook points promote no tokens, or have no single effect on the
   * logits of a model; null if they have.
   */
  public static String refusal(LanguageModel model, List<Site> sites) {
    for (Site site : sites) {
      HookKind kind = HookPoint.parse(site.hook()).kind();
      if (kind.isRead()) {
        return site.hook() + " is what a block reads, so features there promote no tokens";
      }
      if (kind.isOfHeads()) {
        return site.hook()
            + " is inside attention; tokens are known of what is added to the stream";
      }
      if (kind == HookKind.MLP_ACT) {
        return site.hook() + " is inside the MLP; tokens are known of what is added to the stream";
      }
    }
    List<Part> counted = counted(sites);
    if (counted.size() < 2) {
      return null;
    }
    for (Part part : counted) {
      HookPoint point = part.point;
      HookPoint whole = new HookPoint(point.layer(), HookKind.ATTN_OUT);
      boolean twice =
          point.kind() == HookKind.Z
              && counted.stream().anyMatch(other -> other.point.equals(whole));
      if (twice || (point.layer() < model.shape().layers() && !model.addsAsIs(point))) {
        return "features that write %s have no single effect on the logits in a %s: %s"
            .formatted(
                Site.names(sites),
                model.shape().architecture(),
                twice ? "z is part of attn_out" : "a norm follows each of the hook points");
      }
    }
    return null;
  }

  /**
   * The hook points whose sum the last norm reads: a residual stream includes what is before it.
   */
  private static List<Part> counted(List<Site> sites) {
    List<Part> all = new ArrayList<>();
    int from = 0;
    for (Site site : sites) {
      all.add(new Part(HookPoint.parse(site.hook()), from, site.width()));
      from += site.width();
    }
    Optional<HookPoint> stream =
        all.stream()
            .map(Part::point)
            .filter(point -> point.kind().isStream())
            .max(Comparator.naturalOrder());
    return all.stream()
        .filter(part -> stream.isEmpty() || part.point.compareTo(stream.get()) >= 0)
        .toList();
  }

  /**
   * Computes all features.
   *
   * @param progress receives how many features are done
   */
  public void run(Sink sink, LongConsumer progress) throws IOException {
    int vocabulary = model.shape().vocabulary();
    int features = rows.features();
    int step = (int) Math.max(1, Math.min(features, LOGITS_AT_ONCE / vocabulary));
    Ranking promoted = new Ranking(Math.min(LogitEffects.MOST, vocabulary));
    Ranking suppressed = new Ranking(Math.min(LogitEffects.MOST, vocabulary));
    for (int first = 0; first < features; first += step) {
      int count = Math.min(step, features - first);
      float[] logits = logits(first, count);
      for (int i = 0; i < count; i++) {
        promoted.find(logits, i * vocabulary, vocabulary, 1);
        suppressed.find(logits, i * vocabulary, vocabulary, -1);
        sink.take(first + i, promoted, suppressed);
      }
      progress.accept(first + count);
    }
  }

  private float[] logits(int first, int count) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor sum = null;
      for (Part part : parts) {
        Tensor logits = model.directLogits(part.point, rows(part, first, count));
        sum = sum == null ? logits : sum.add(logits);
      }
      return sum.to(Device.CPU).toFloats();
    }
  }

  private Tensor rows(Part part, int first, int count) {
    MemorySegment decoder = rows.decoder();
    long width = rows.outputWidth();
    float[] chosen = new float[Math.multiplyExact(count, part.width)];
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(
          decoder,
          DictionaryParameters.FLOAT,
          ((first + i) * width + part.from) * Float.BYTES,
          chosen,
          i * part.width,
          part.width);
    }
    return Tensor.ofFloats(chosen, count, part.width).to(model.device());
  }

  /** The tokens with the largest or the smallest logits; of equal ones those with lower ids. */
  public static final class Ranking {
    private final float[] keys;
    private final int[] ids;
    private int sign;

    Ranking(int most) {
      this.keys = new float[most];
      this.ids = new int[most];
    }

    /** Finds the largest of {@code sign · logits}. */
    void find(float[] logits, int from, int count, int sign) {
      this.sign = sign;
      int most = ids.length;
      int found = 0;
      for (int id = 0; id < count; id++) {
        float key = sign * logits[from + id];
        if (found == most && !(key > keys[most - 1])) {
          continue;
        }
        int at = found < most ? found++ : most - 1;
        while (at > 0 && keys[at - 1] < key) {
          keys[at] = keys[at - 1];
          ids[at] = ids[at - 1];
          at--;
        }
        keys[at] = key;
        ids[at] = id;
      }
    }

    /** How many tokens there are. */
    public int count() {
      return ids.length;
    }

    /** The id of a token. */
    public int id(int rank) {
      return ids[rank];
    }

    /** Its logit. */
    public float logit(int rank) {
      return sign * keys[rank];
    }
  }
}
