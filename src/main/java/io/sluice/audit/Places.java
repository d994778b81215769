package io.sluice.audit;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Transformer;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.names.TransformerLensNames;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The places at which a dictionary is tried: the hook points of the layer that its configuration
 * names and of its neighbours, and the same hook point of the layer with that number from the other
 * end; all of the model where it names none, not even a layer. Only those of its widths.
 */
final class Places {
  private static final Set<HookKind> KINDS =
      EnumSet.of(
          HookKind.RESID_IN,
          HookKind.ATTN_IN,
          HookKind.Z,
          HookKind.ATTN_OUT,
          HookKind.RESID_MID,
          HookKind.MLP_IN,
          HookKind.MLP_ACT,
          HookKind.MLP_OUT,
          HookKind.RESID);

  /** A layer in the name of a place that is no hook point here. */
  private static final Pattern LAYER =
      Pattern.compile("(?:^|[._/])(?:blocks|layers?|h)[._](\\d{1,4})(?=[._/]|$)");

  /** What transcoders are trained on. */
  private static final List<List<HookKind>> TRANSCODED =
      List.of(
          List.of(HookKind.MLP_IN, HookKind.MLP_OUT),
          List.of(HookKind.RESID_MID, HookKind.MLP_OUT),
          List.of(HookKind.RESID_IN, HookKind.MLP_OUT),
          List.of(HookKind.ATTN_IN, HookKind.ATTN_OUT));

  private final Transformer model;
  private final DictionaryConfig config;
  private final HookPoint reads;
  private final HookPoint writes;

  /** The layer that the name of what it reads has in it; negative if it has none. */
  private final int layer;

  /** How far each place is from the one that is named, in the order in which they are tried. */
  private final Map<Place, Integer> tried = new LinkedHashMap<>();

  private Places(Transformer model, DictionaryConfig config, HookPoint reads, HookPoint writes) {
    this.model = model;
    this.config = config;
    this.reads = reads;
    this.writes = writes;
    this.layer = layer(config.inputHook());
  }

  /**
   * @param more hook points to try in addition; for autoencoders
   */
  static Places of(DictionaryConfig config, LoadedModel loaded, Collection<HookPoint> more) {
    Places places =
        new Places(
            loaded.transformer(),
            config,
            point(config.inputHook(), loaded),
            point(config.outputHook(), loaded));
    if (config.isAutoencoder()) {
      places.findPoints(more);
    } else {
      places.findPairs();
    }
    return places;
  }

  /** The hook point with this name; null if there is no such kind. */
  private static HookPoint point(String name, LoadedModel loaded) {
    String model = loaded.name() + " " + loaded.transformer().shape().architecture();
    try {
      return HookPoint.parse(TransformerLensNames.translated(name, model));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static int layer(String name) {
    Matcher found = LAYER.matcher(name);
    return found.find() ? Integer.parseInt(found.group(1)) : -1;
  }

  /** The place that its configuration names; null if it names none that the model has. */
  Place named() {
    if (reads == null || writes == null) {
      return null;
    }
    Place place = new Place(Place.canonical(reads), Place.canonical(writes));
    return tried.containsKey(place) ? place : null;
  }

  /** The places that are tried. */
  Collection<Place> all() {
    return tried.keySet();
  }

  /** How many steps a place is from the one that is named; 0 if none is. */
  int distance(Place place) {
    return tried.get(place);
  }

  private void findPoints(Collection<HookPoint> more) {
    for (HookPoint point : model.hookPoints()) {
      boolean wanted =
          KINDS.contains(point.kind()) || reads != null && reads.kind() == point.kind();
      if (wanted && isNear(point)) {
        add(Place.at(point), steps(point));
      }
    }
    for (HookPoint point : more) {
      add(Place.at(point), steps(point));
    }
    if (tried.isEmpty()) {
      model.hookPoints().stream()
          .filter(point -> KINDS.contains(point.kind()))
          .forEach(point -> add(Place.at(point), 0));
    }
  }

  private boolean isNear(HookPoint point) {
    return reads != null ? isNear(point, reads) : layer < 0 || Math.abs(point.layer() - layer) <= 1;
  }

  private int steps(HookPoint point) {
    return reads != null ? steps(point, reads) : layer < 0 ? 0 : Math.abs(point.layer() - layer);
  }

  private void findPairs() {
    if (reads == null || writes == null) {
      for (int each = 0; each < model.shape().layers(); each++) {
        for (List<HookKind> kinds : TRANSCODED) {
          HookPoint from = new HookPoint(each, kinds.getFirst());
          if (isNear(from)) {
            add(new Place(from, new HookPoint(each, kinds.getLast())), steps(from));
          }
        }
      }
      return;
    }
    add(new Place(reads, writes), 0);
    for (HookPoint point : model.hookPoints()) {
      if (!KINDS.contains(point.kind())) {
        continue;
      }
      if (point.layer() == reads.layer()) {
        add(new Place(point, writes), steps(point, reads));
      }
      if (point.layer() == writes.layer()) {
        add(new Place(reads, point), steps(point, writes));
      }
      int shift = point.layer() - reads.layer();
      if (point.kind() == reads.kind() && isNear(point, reads) && writes.layer() + shift >= 0) {
        add(
            new Place(point, new HookPoint(writes.layer() + shift, writes.kind())),
            steps(point, reads));
      }
    }
  }

  /** Adds a place, if the model has it and it has the dictionary's widths. */
  private void add(Place given, int distance) {
    if (!fits(given.reads(), config.inputWidth()) || !fits(given.writes(), config.outputWidth())) {
      return;
    }
    Place place = new Place(Place.canonical(given.reads()), Place.canonical(given.writes()));
    tried.merge(place, distance, Math::min);
  }

  private boolean fits(HookPoint point, int width) {
    return model.hookPoints().contains(point) && model.width(point) == width;
  }

  private boolean isNear(HookPoint point, HookPoint named) {
    return Math.abs(point.layer() - named.layer()) <= 1
        || point.kind() == named.kind() && isMirrored(point, named);
  }

  private int steps(HookPoint point, HookPoint named) {
    int layers = Math.abs(point.layer() - named.layer());
    int kinds = point.kind() == named.kind() ? 0 : 1;
    return kinds == 0 && isMirrored(point, named) ? Math.min(1, layers) : layers + kinds;
  }

  /** Whether a layer has the other's number when layers are counted from the end, from 0 or 1. */
  private boolean isMirrored(HookPoint point, HookPoint named) {
    int sum = point.layer() + named.layer();
    int layers = model.shape().layers();
    return sum == layers - 1 || sum == layers;
  }

  /** The hook points that places read and write. */
  static List<HookPoint> points(Collection<Place> places) {
    List<HookPoint> points = new ArrayList<>();
    for (Place place : places) {
      for (HookPoint point : List.of(place.reads(), place.writes())) {
        if (!points.contains(point)) {
          points.add(point);
        }
      }
    }
    return points;
  }
}
