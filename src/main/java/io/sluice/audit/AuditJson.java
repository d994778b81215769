package io.sluice.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Writes an audit as JSON. */
final class AuditJson {
  private static final ObjectMapper JSON = new ObjectMapper();

  private AuditJson() {}

  static String of(Audit audit) {
    ObjectNode root = JSON.createObjectNode();
    root.put("format", Audit.FORMAT);
    root.put("model", audit.model());
    root.put("text", audit.text());
    root.put("tokens", audit.tokens());
    root.put("searchTokens", audit.searchTokens());
    root.put("tau", Audit.TAU);
    ArrayNode dictionaries = root.putArray("dictionaries");
    for (Finding finding : audit.dictionaries()) {
      put(finding, dictionaries.addObject());
    }
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void put(Finding finding, ObjectNode json) {
    json.put("name", finding.name());
    json.put("features", finding.features());
    json.put("width", finding.width());
    json.put("activation", finding.activation());
    put(finding.promise(), json.putObject("promised"));
    json.put("outcome", finding.outcome().label());
    json.put("sentence", finding.sentence());
    put("configured", finding.configured(), json);
    put("fitting", finding.fitting(), json);
    ArrayNode trials = json.putArray("trials");
    for (TrialResult result : finding.trials()) {
      ObjectNode trial = trials.addObject();
      put(result.trial(), trial);
      trial.put("fvu", result.fvu());
      trial.put("l0", result.l0());
      trial.put("fired", result.fired());
    }
  }

  private static void put(Promise promise, ObjectNode json) {
    json.put("model", promise.model());
    json.put("reads", promise.reads());
    json.put("writes", promise.writes());
    json.put("beginning", promise.beginning());
    json.put("normalisation", promise.normalisation().label());
    json.put("subtractsBias", promise.subtractsBias());
    json.put("l0", promise.l0());
    json.put("l0From", promise.l0From());
    json.put("threshold", promise.threshold());
  }

  private static void put(String name, Measured measured, ObjectNode into) {
    if (measured == null) {
      into.putNull(name);
      return;
    }
    ObjectNode json = into.putObject(name);
    put(measured.trial(), json);
    json.put("tokens", measured.tokens());
    json.put("fvu", measured.fvu());
    json.put("l0", measured.l0());
    json.put("deadFraction", measured.deadFraction());
    json.put("width", measured.width());
    json.put("effectiveRank", measured.effectiveRank());
    json.put("effectiveRankRatio", measured.effectiveRankRatio());
    json.put("intrinsicDimension", measured.intrinsicDimension());
    json.put("intrinsicDimensionRatio", measured.intrinsicDimensionRatio());
  }

  private static void put(Trial trial, ObjectNode json) {
    json.put("reads", trial.place().reads().toString());
    json.put("writes", trial.place().writes().toString());
    json.put("beginning", trial.beginning());
    json.put("normalisation", trial.normalisation().label());
    json.put("otherBias", trial.otherBias());
  }
}
