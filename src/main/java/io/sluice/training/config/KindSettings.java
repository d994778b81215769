package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.files.Quoted;
import java.io.IOException;

/** A dictionary's kind as the {@code kind} of a run's settings, and back. */
public final class KindSettings {
  private static final String KIND = "kind";

  private KindSettings() {}

  public static void write(Kind kind, ObjectNode settings) {
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
  public static Kind read(Fields settings) throws IOException {
    if (!settings.has(KIND)) {
      return new Kind.Autoencoder();
    }
    Fields json = settings.object(KIND);
    String type = json.text("type", "autoencoder");
    return switch (type) {
      case "autoencoder" -> new Kind.Autoencoder();
      case "transcoder" ->
          new Kind.Transcoder(
              json.text("target"),
              InitialEncoder.ofLabel(json.text("encoderStart")),
              json.flag("skip", false));
      case "crosscoder" -> new Kind.Crosscoder(json.texts("others"));
      case "cross-layer-transcoder" ->
          new Kind.CrossLayerTranscoder(
              json.texts("others"),
              json.texts("targets"),
              InitialEncoder.ofLabel(json.text("encoderStart")));
      default -> throw json.damaged("unknown type " + Quoted.of(type));
    };
  }
}
