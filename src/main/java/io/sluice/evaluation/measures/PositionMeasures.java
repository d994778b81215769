package io.sluice.evaluation.measures;

import java.util.List;

/**
 * Measures by position in the context: columns of a table with a row for each position, from 0 on.
 *
 * @param columns all of one length
 */
public record PositionMeasures(List<Column> columns) {
  /**
   * One measure.
   *
   * @param name as the file has it
   * @param values by position; NaN where a position has none
   * @param whole whether it is a count
   */
  public record Column(String name, double[] values, boolean whole) {}

  /** Keeps the list. */
  public PositionMeasures {
    columns = List.copyOf(columns);
  }

  /**
   * The values of a column.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public double[] column(String name) {
    return columns.stream()
        .filter(column -> column.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no measure '%s' by position; there are %s"
                        .formatted(name, columns.stream().map(Column::name).toList())))
        .values();
  }
}
