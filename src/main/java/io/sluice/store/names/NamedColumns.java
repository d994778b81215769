package io.sluice.store.names;

import io.sluice.store.files.Column;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/**
 * The columns of a store by their names. A hook point is found by its other names, too, in
 * TransformerLens and as the path of a module; a token column by its own alone.
 */
public final class NamedColumns {
  private final List<Column> all;
  private final List<Column> hooks;
  private final IntPredicate present;
  private final String model;

  /**
   * @param all all columns that the files may have, token columns first
   * @param present whether the files have the column at an index of {@code all}
   * @param model name of the model, on which depends what TransformerLens's names mean; empty if it
   *     is not known
   */
  public NamedColumns(List<Column> all, IntPredicate present, String model) {
    this.all = List.copyOf(all);
    this.hooks = all.stream().filter(column -> !column.isTokenColumn()).toList();
    this.present = present;
    this.model = model;
  }

  /** The column at {@code index} among all columns, token columns first. */
  public Column get(int index) {
    return all.get(index);
  }

  /** How many columns there may be. */
  public int size() {
    return all.size();
  }

  /** Whether the files have a column of exactly that name. */
  public boolean has(String name) {
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).name().equals(name)) {
        return present.test(i);
      }
    }
    return false;
  }

  /** The hook point of that name, or of another of its names; empty if there is none. */
  public Optional<Column> hookPoint(String name) {
    String hook = TransformerLensNames.known(name, model);
    Optional<Column> exact = exact(name).or(() -> stored(hook));
    return exact.or(() -> TransformerLensNames.otherName(hook).flatMap(this::stored));
  }

  /**
   * The name under which a dictionary remembers a hook point that someone gave: Sluice's own for
   * one of TransformerLens or the path of a module. A column's name is taken as it is where the
   * model is not known, since what TransformerLens's names mean depends on that, and where it has
   * no other name.
   *
   * @throws IllegalArgumentException if it is a name of TransformerLens without a counterpart, and
   *     no column has it; the message says why
   */
  public String hookName(String given) {
    if (exact(given).isEmpty()) {
      return TransformerLensNames.translated(given, model);
    }
    return model.isEmpty() ? given : TransformerLensNames.known(given, model);
  }

  /**
   * The index of the column of that name among all columns: a hook point, by any of its names, or a
   * token column.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public int indexOf(String name) {
    Optional<Column> hook = hookPoint(name);
    if (hook.isPresent()) {
      return all.indexOf(hook.get());
    }
    for (int i = 0; i < all.size(); i++) {
      if (all.get(i).name().equals(name) && has(name)) {
        return i;
      }
    }
    // A name of TransformerLens without a counterpart has a message of its own.
    TransformerLensNames.translated(name, model);
    return indexOf(all.stream().filter(column -> has(column.name())).toList(), name);
  }

  /**
   * The index of the column of exactly that name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static int indexOf(List<Column> columns, String name) {
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).name().equals(name)) {
        return i;
      }
    }
    throw new IllegalArgumentException(
        "the store has no column '"
            + name
            + "'; it has "
            + String.join(", ", columns.stream().map(Column::name).toList()));
  }

  private Optional<Column> exact(String name) {
    return hooks.stream().filter(column -> column.name().equals(name)).findFirst();
  }

  /** The column that has a name of Sluice's, or one that stands for it. */
  private Optional<Column> stored(String hook) {
    String of = model.isEmpty() ? TransformerLensNames.STRICTEST : model;
    return exact(hook)
        .or(
            () ->
                hooks.stream()
                    .filter(c -> TransformerLensNames.known(c.name(), of).equals(hook))
                    .findFirst());
  }
}
