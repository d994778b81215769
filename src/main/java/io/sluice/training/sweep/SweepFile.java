package io.sluice.training.sweep;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.files.Quoted;
import io.sluice.training.Activations;
import io.sluice.training.Settings;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * {@code sweep.json}: the cells of a sweep, each with its whole configuration. It does not change
 * once it is written; the progress is in the folders of the cells.
 *
 * @param hook the hook point, or several with commas between
 * @param grid the axes
 * @param cells all cells, in order
 * @param engine kind and device, for instance {@code auto cpu}
 * @param store the folder of the store, or its address; null if a model runs instead
 * @param storeRows rows of the store, or of all that the model gives
 * @param storeCreated when it was written, or begun
 * @param model whose activations it holds
 * @param text over which text
 */
public record SweepFile(
    String hook,
    Grid grid,
    List<SweepCell> cells,
    String engine,
    String store,
    long storeRows,
    String storeCreated,
    String model,
    String text) {
  public static final String NAME = RunFolder.SWEEP;
  static final String FORMAT = "sluice.sweep/1";
  private static final String CELLS = "cells";
  private static final String ROWS = "storeRows";
  private static final String CREATED = "storeCreated";
  private static final String REMEDY = "restore it, or start a new sweep in another folder";

  /** What is said of the store, or of the stream in its place. */
  private static final List<String> PLACE = List.of("store", "stream", ROWS, CREATED);

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The folder of a cell. */
  static Path folder(Path sweep, SweepCell cell) {
    return sweep.resolve(CELLS).resolve(cell.name());
  }

  void write(Path folder, Activations from) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("hook", hook);
    json.put("engine", engine);
    ObjectNode place = JSON.createObjectNode();
    from.describe(place);
    for (String key : PLACE) {
      if (place.has(key)) {
        json.set(key, place.get(key));
      }
    }
    ObjectNode axes = json.putObject("axes");
    grid.axes().forEach((axis, values) -> values.forEach(axes.withArray(axis.label())::add));
    ArrayNode list = json.putArray("cells");
    for (SweepCell cell : cells) {
      ObjectNode one = list.addObject();
      one.put("name", cell.name());
      ObjectNode values = one.putObject("values");
      cell.values().forEach((axis, value) -> values.put(axis.label(), value));
      ObjectNode config = Settings.write(cell.config(), from.first(), engine);
      from.describe(config);
      one.set("config", config);
    }
    AtomicFile.write(
        folder.resolve(NAME), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  /**
   * Reads the file of a sweep's folder.
   *
   * @throws IOException if there is none, or it is damaged; the message names it
   */
  static SweepFile read(Path folder) throws IOException {
    Path file = folder.resolve(NAME);
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file + " (there is no sweep in this folder)");
    }
    Fields json = Fields.read(file, FORMAT, REMEDY);
    Map<Axis, List<String>> axes = new LinkedHashMap<>();
    Fields named = json.object("axes");
    for (String label : named.names()) {
      axes.put(named.build(() -> Axis.ofLabel(label)), named.texts(label));
    }
    Grid grid = named.build(() -> new Grid(axes));
    List<SweepCell> cells = new ArrayList<>();
    for (Fields cell : json.objects("cells")) {
      cells.add(cell(cell, grid));
    }
    if (cells.isEmpty()) {
      throw json.damaged("it has no cells");
    }
    requireApart(json, cells);
    Fields first = json.objects("cells").getFirst().object("config");
    return new SweepFile(
        json.text("hook"),
        grid,
        List.copyOf(cells),
        json.text("engine"),
        json.has("stream") ? null : json.text("store"),
        json.whole(ROWS, 0, Long.MAX_VALUE),
        json.text(CREATED),
        first.text("model"),
        first.text("text"));
  }

  private static SweepCell cell(Fields json, Grid grid) throws IOException {
    String name = json.text("name");
    // A name is a folder's, and of our making: anything else would lead elsewhere.
    if (!name.matches("[A-Za-z0-9=,.+_-]{1,200}") || name.startsWith(".")) {
      throw json.damaged("a cell has the name " + Quoted.of(name));
    }
    Fields said = json.object("values");
    Map<Axis, String> values = new LinkedHashMap<>();
    for (String label : said.names()) {
      Axis axis = said.build(() -> Axis.ofLabel(label));
      String value = said.text(label);
      if (!grid.axes().getOrDefault(axis, List.of()).contains(value)) {
        throw said.damaged("the sweep has no value " + Quoted.of(value) + " of " + label);
      }
      values.put(axis, value);
    }
    for (Axis axis : grid.fitting(values)) {
      said.text(axis.label());
    }
    return new SweepCell(name, values, Settings.read(json.object("config")));
  }

  private static void requireApart(Fields json, List<SweepCell> cells) throws IOException {
    Set<String> names = new HashSet<>();
    for (SweepCell cell : cells) {
      if (!names.add(cell.name())) {
        throw json.damaged("two cells have the name '" + cell.name() + "'");
      }
    }
  }

  /**
   * Refuses activations that are not those that the sweep was started on.
   *
   * @throws IOException if they are others; the message names both
   */
  void requireSame(Activations from, Path folder) throws IOException {
    ObjectNode place = JSON.createObjectNode();
    place.put(ROWS, storeRows);
    place.put(CREATED, storeCreated);
    from.requireSame(place, folder.resolve(NAME));
  }

  /** Reads the results from the cells' folders. */
  SweepResult result(Path folder) throws IOException {
    List<SweepResult.Outcome> outcomes = new ArrayList<>();
    Map<Map<Axis, String>, List<Path>> ended = new LinkedHashMap<>();
    for (SweepCell cell : cells) {
      Path own = folder(folder, cell);
      RunResult result = RunFolder.result(own);
      outcomes.add(new SweepResult.Outcome(cell, result, null));
      if (result != null && SeedStability.isMeasured(cell.config().features())) {
        ended.computeIfAbsent(SweepResult.seedless(cell), key -> new ArrayList<>()).add(own);
      }
    }
    Map<Map<Axis, String>, Double> stabilities = new LinkedHashMap<>();
    SeedStabilityFile file = SeedStabilityFile.of(folder);
    for (Map.Entry<Map<Axis, String>, List<Path>> each : ended.entrySet()) {
      Double stability = file.stability(each.getValue());
      if (stability != null) {
        stabilities.put(each.getKey(), stability);
      }
    }
    file.save();
    return new SweepResult(hook, model, text, grid, outcomes, stabilities);
  }
}
