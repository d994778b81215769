package io.sluice.cli.results;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.CauseShares;
import io.sluice.training.sweep.Estimate;
import io.sluice.training.sweep.SweepResult;
import java.util.Map;

/** Converts the results of a sweep to JSON: every cell, means over seeds, and shares of causes. */
public final class SweepJson {
  private static final ObjectMapper JSON = new ObjectMapper();

  private SweepJson() {}

  public static String of(SweepResult result) {
    ObjectNode json = JSON.createObjectNode();
    json.put("hook", result.hook());
    ArrayNode cells = json.putArray("cells");
    for (SweepResult.Outcome outcome : result.cells()) {
      ObjectNode cell = cells.addObject();
      cell.put("name", outcome.cell().name());
      values(cell.putObject("values"), outcome.cell().values());
      cell.set("result", JSON.valueToTree(outcome.result()));
      if (outcome.failure() != null) {
        cell.put("failure", outcome.failure());
      }
    }
    ArrayNode groups = json.putArray("groups");
    for (SweepResult.Group group : result.groups()) {
      ObjectNode one = groups.addObject();
      values(one.putObject("values"), group.values());
      one.put("seeds", group.seeds());
      one.put("deadWindowTokens", group.deadWindowTokens());
      estimate(one.putObject("deadFraction"), group.deadFraction());
      if (group.heldOutFvu() != null) {
        estimate(one.putObject("heldOutFvu"), group.heldOutFvu());
      }
      one.put("heldOutTokens", group.heldOutTokens());
      estimate(one.putObject("fvu"), group.fvu());
      one.put("fvuSteps", group.fvuSteps());
      estimate(one.putObject("l0"), group.l0());
      if (group.stability() != null) {
        one.put("stability", group.stability());
      }
      estimate(one.putObject("tokensPerSecond"), group.tokensPerSecond());
    }
    ArrayNode causes = json.putArray("causes");
    for (CauseShares shares : CauseShares.of(result)) {
      ObjectNode one = causes.addObject();
      values(one.putObject("values"), shares.values());
      estimate(one.putObject("baseline"), shares.baseline());
      ObjectNode each = one.putObject("shares");
      shares.shares().forEach((cause, share) -> estimate(each.putObject(cause.label()), share));
      estimate(one.putObject("unexplained"), shares.unexplained());
    }
    try {
      return JSON.writeValueAsString(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the results do not serialise", e);
    }
  }

  private static void values(ObjectNode node, Map<Axis, String> values) {
    values.forEach((axis, value) -> node.put(axis.label(), value));
  }

  private static void estimate(ObjectNode node, Estimate estimate) {
    node.put("mean", estimate.mean());
    if (!Double.isNaN(estimate.standardError())) {
      node.put("standardError", estimate.standardError());
    }
    node.put("repeats", estimate.repeats());
  }
}
