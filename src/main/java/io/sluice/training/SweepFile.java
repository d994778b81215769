package io.sluice.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import io.sluice.store.ActivationStore;
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
 * {@code sweep.json}: what a sweep trains, every cell with its whole configuration. It does not
 * change once it is written; how far the sweep is stands in the cells' own folders.
 *
 * @param hook what is learned
 * @param grid the axes
 * @param cells all cells, in order
 * @param engine what computes: kind and device, for instance {@code auto cpu}
 * @param store the folder of the store
 * @param storeRows its rows
 * @param storeCreated when it was written
 * @param model whose activations it holds
 * @param text over which text
 */
record SweepFile(
    String hook,
    Grid grid,
    List<SweepCell> cells,
    String engine,
    String store,
    long storeRows,
    String storeCreated,
    String model,
    String text) {
  static final String NAME = "sweep.json";
  static final String FORMAT = "sluice.sweep/1";
  private static final String CELLS = "cells";
  private static final String REMEDY = "; restore it, or start the sweep anew in another folder";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The folder of a cell. */
  static Path folder(Path sweep, SweepCell cell) {
    return sweep.resolve(CELLS).resolve(cell.name());
  }

  void write(Path folder, ActivationStore from) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("hook", hook);
    json.put("engine", engine);
    json.put("store", store);
    json.put("storeRows", storeRows);
    json.put("storeCreated", storeCreated);
    ObjectNode axes = json.putObject("axes");
    grid.axes().forEach((axis, values) -> values.forEach(axes.withArray(axis.label())::add));
    ArrayNode list = json.putArray("cells");
    for (SweepCell cell : cells) {
      ObjectNode one = list.addObject();
      one.put("name", cell.name());
      ObjectNode values = one.putObject("values");
      cell.values().forEach((axis, value) -> values.put(axis.label(), value));
      one.set("config", Settings.write(cell.config(), from, engine));
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
    try {
      RegularFile.require(file);
      JsonNode json = JSON.readTree(file.toFile());
      if (!json.path("format").asText().equals(FORMAT)) {
        throw new IOException(
            "%s: format is '%s', expected %s%s"
                .formatted(file, json.path("format").asText(), FORMAT, REMEDY));
      }
      Map<Axis, List<String>> axes = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> entry : json.required("axes").properties()) {
        List<String> values = new ArrayList<>();
        entry.getValue().forEach(value -> values.add(value.asText()));
        axes.put(Axis.ofLabel(entry.getKey()), values);
      }
      List<SweepCell> cells = new ArrayList<>();
      for (JsonNode cell : json.required("cells")) {
        cells.add(cell(cell, file));
      }
      requireApart(cells);
      return new SweepFile(
          json.required("hook").asText(),
          new Grid(axes),
          List.copyOf(cells),
          json.required("engine").asText(),
          json.required("store").asText(),
          json.required("storeRows").asLong(),
          json.required("storeCreated").asText(),
          json.at("/cells/0/config/model").asText(),
          json.at("/cells/0/config/text").asText());
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": not valid JSON: " + StrictJson.reason(e) + REMEDY, e);
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": is damaged: " + e.getMessage() + REMEDY, e);
    }
  }

  private static SweepCell cell(JsonNode json, Path file) throws IOException {
    String name = json.required("name").asText();
    // A name is a folder's, and of our making: anything else would lead elsewhere.
    if (!name.matches("[a-z0-9=,.+_-]{1,200}") || name.startsWith(".")) {
      throw new IllegalArgumentException("a cell has the name '" + name + "'");
    }
    Map<Axis, String> values = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : json.required("values").properties()) {
      values.put(Axis.ofLabel(entry.getKey()), entry.getValue().asText());
    }
    return new SweepCell(name, values, Settings.read(json.required("config"), file));
  }

  private static void requireApart(List<SweepCell> cells) {
    Set<String> names = new HashSet<>();
    for (SweepCell cell : cells) {
      if (!names.add(cell.name())) {
        throw new IllegalArgumentException("two cells have the name '" + cell.name() + "'");
      }
    }
  }

  /** What the cells' folders say. */
  SweepResult result(Path folder) throws IOException {
    List<SweepResult.Outcome> outcomes = new ArrayList<>();
    for (SweepCell cell : cells) {
      outcomes.add(new SweepResult.Outcome(cell, RunFolder.result(folder(folder, cell)), null));
    }
    return new SweepResult(hook, model, text, grid, outcomes);
  }
}
