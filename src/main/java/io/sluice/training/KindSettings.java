package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/** A dictionary's kind as the {@code kind} of a run's settings, and back. */
final class KindSettings {
  private static final String KIND = "kind";

  private KindSettings() {}

  static void write(Kind kind, ObjectNode settings) {
    ObjectNode json = settings.putObject(KIND);
    switch (kind) {
      case Kind.Autoencoder autoencoder -> json.put("type", "autoencoder");
      case Kind.Transcoder transcoder -> {
        json.put("type", "transcoder");
        json.put("target", transcoder.target());
        json.put("encoderStart", transcoder.encoderStart().label());
        json.put("skip", transcoder.skip());
      }
      case Kind.Crosscoder crosscoder -> {
        json.put("type", "crosscoder");
        crosscoder.others().forEach(json.putArray("others")::add);
      }
      case Kind.CrossLayerTranscoder crossLayer -> {
        json.put("type", "cross-layer-transcoder");
        crossLayer.others().forEach(json.putArray("others")::add);
        crossLayer.targets().forEach(json.putArray("targets")::add);
        json.put("encoderStart", crossLayer.encoderStart().label());
      }
    }
  }

  /** Runs of before there were several kinds say nothing of it. */
  static Kind read(JsonNode settings) {
    JsonNode json = settings.path(KIND);
    String type = json.path("type").asText("autoencoder");
    return switch (type) {
      case "autoencoder" -> new Kind.Autoencoder();
      case "transcoder" ->
          new Kind.Transcoder(
              json.required("target").asText(),
              EncoderStart.ofLabel(json.required("encoderStart").asText()),
              json.path("skip").asBoolean());
      case "crosscoder" -> new Kind.Crosscoder(texts(json.required("others")));
      case "cross-layer-transcoder" ->
          new Kind.CrossLayerTranscoder(
              texts(json.required("others")),
              texts(json.required("targets")),
              EncoderStart.ofLabel(json.required("encoderStart").asText()));
      default -> throw new IllegalArgumentException("unknown kind '" + type + "'");
    };
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(each -> texts.add(each.asText()));
    return texts;
  }
}
