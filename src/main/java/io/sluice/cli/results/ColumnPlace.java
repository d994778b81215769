package io.sluice.cli.results;

import io.sluice.model.HookPoint;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a column of a store stands in tables and charts. A store of another program may have any
 * names: the first number in one is taken as the layer, and the rest as the kind, so {@code
 * model.layers.7.mlp} is of the kind {@code model.layers.N.mlp} in layer 7. A name without a number
 * is a kind of its own in layer 0.
 *
 * @param kind the kind of the hook point, or what stands for it
 * @param layer the layer, from 0
 */
record ColumnPlace(String kind, int layer) {
  private static final Pattern NUMBER =
      Pattern.compile("(?<![0-9A-Za-z])[0-9]{1,4}(?![0-9A-Za-z])");

  /** The place of a column of that name. */
  static ColumnPlace of(String column) {
    if (HookPoint.isOne(column)) {
      HookPoint point = HookPoint.parse(column);
      return new ColumnPlace(point.kind().label(), point.layer());
    }
    Matcher number = NUMBER.matcher(column);
    if (!number.find()) {
      return new ColumnPlace(column, 0);
    }
    String kind = column.substring(0, number.start()) + "N" + column.substring(number.end());
    return new ColumnPlace(kind, Integer.parseInt(number.group()));
  }
}
