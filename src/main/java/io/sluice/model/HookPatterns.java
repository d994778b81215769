package io.sluice.model;

import io.sluice.store.names.TransformerLensNames;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Chooses hook points by patterns: {@code layers.3.attn_out}, {@code layers.*.attn_out} (every
 * layer), {@code layers.2-4.z} (a range), {@code layers.0.*} ({@code z}, {@code attn_out}, {@code
 * mlp_out} and {@code resid}; other kinds have to be named), several of them with commas between.
 */
public final class HookPatterns {
  private static final Pattern FORM =
      Pattern.compile("layers\\.(\\*|([0-9]{1,4})(?:-([0-9]{1,4}))?)\\.(\\*|[a-z_]+)");

  private HookPatterns() {}

  /**
   * The points that match, without repetition, ordered by layer and kind.
   *
   * @param patterns patterns with commas between
   * @param available the model's hook points
   * @throws IllegalArgumentException if a pattern has another form or matches nothing; the message
   *     lists the hook points that exist
   */
  public static List<HookPoint> select(String patterns, List<HookPoint> available) {
    return select(patterns, available, null);
  }

  /**
   * The same of a model, whose points may be given by their TransformerLens names, too.
   *
   * @throws IllegalArgumentException as {@link #select(String, List)}; where a layer lacks what
   *     others have, the message says why
   */
  public static List<HookPoint> select(String patterns, Transformer model) {
    String architecture = model.shape().architecture();
    for (String part : patterns.split(",", -1)) {
      requirePresent(TransformerLensNames.translated(part.strip(), architecture), model);
    }
    return select(patterns, model.hookPoints(), architecture);
  }

  /** Of a pattern that names only points which layers lack, says why the first lacks it. */
  private static void requirePresent(String pattern, Transformer model) {
    Matcher matcher = FORM.matcher(pattern);
    if (!matcher.matches()) {
      return;
    }
    String absence = null;
    for (int layer = 0; layer < model.shape().layers(); layer++) {
      for (HookKind kind : HookKind.values()) {
        HookPoint point = new HookPoint(layer, kind);
        if (matches(matcher, point)) {
          String reason = model.absence(point);
          if (reason == null) {
            return;
          }
          absence = absence == null ? reason : absence;
        }
      }
    }
    if (absence != null) {
      throw new IllegalArgumentException(absence);
    }
  }

  /**
   * The same of a model, whose points may be given by their TransformerLens names, too.
   *
   * @param model its name or architecture, as {@link TransformerLensNames} needs it; null if it is
   *     unknown, and only Sluice's own names are
   */
  public static List<HookPoint> select(String patterns, List<HookPoint> available, String model) {
    TreeSet<HookPoint> selected = new TreeSet<>();
    for (String part : patterns.split(",", -1)) {
      String given = part.strip();
      String pattern = model == null ? given : TransformerLensNames.translated(given, model);
      Matcher matcher = FORM.matcher(pattern);
      List<HookPoint> matching =
          matcher.matches()
              ? available.stream().filter(point -> matches(matcher, point)).toList()
              : List.of();
      if (matching.isEmpty()) {
        matching = byOtherName(pattern, available);
      }
      if (matching.isEmpty()) {
        throw new IllegalArgumentException(
            "no hook point '" + pattern + "'; there are " + describe(available));
      }
      selected.addAll(matching);
    }
    return new ArrayList<>(selected);
  }

  /** Whether a name may stand for several points. */
  public static boolean isPattern(String name) {
    Matcher matcher = FORM.matcher(name);
    return matcher.matches()
        && (matcher.group(2) == null || matcher.group(3) != null || matcher.group(4).equals("*"));
  }

  /** The residual stream before a layer is the one after the layer before. */
  private static List<HookPoint> byOtherName(String pattern, List<HookPoint> available) {
    Optional<String> other = TransformerLensNames.otherName(pattern);
    return available.stream()
        .filter(point -> other.isPresent() && point.toString().equals(other.get()))
        .toList();
  }

  private static boolean matches(Matcher pattern, HookPoint point) {
    boolean layer = true;
    if (pattern.group(2) != null) {
      int from = Integer.parseInt(pattern.group(2));
      int to = pattern.group(3) == null ? from : Integer.parseInt(pattern.group(3));
      layer = from <= point.layer() && point.layer() <= to;
    }
    String kind = pattern.group(4);
    return layer
        && (kind.equals("*") ? point.kind().isWritten() : kind.equals(point.kind().label()));
  }

  /** For instance {@code layers.N.z, layers.N.attn_out with N from 0 to 5}; all where some lack. */
  private static String describe(List<HookPoint> available) {
    int layers = available.getLast().layer() - available.getFirst().layer() + 1;
    long kinds = available.stream().map(HookPoint::kind).distinct().count();
    if (layers == 1 || available.size() != layers * kinds) {
      return available.stream().map(HookPoint::toString).collect(Collectors.joining(", "));
    }
    return available.stream()
            .map(HookPoint::kind)
            .distinct()
            .map(kind -> "layers.N." + kind.label())
            .collect(Collectors.joining(", "))
        + " with N from "
        + available.getFirst().layer()
        + " to "
        + available.getLast().layer();
  }
}
