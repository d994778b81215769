package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.files.OutputFolder;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorPieces;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Writes dictionaries for SAELens, with its conventions of biases and norms and its names of hook
 * points.
 */
final class SaeLensWriter {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private SaeLensWriter() {}

  private static void savePursuit(DictionarySource dictionary, Pursuit pursuit, Path folder)
      throws IOException {
    DictionaryConfig c = dictionary.config();
    for (float bias : dictionary.decoderBias().toArray(FLOAT)) {
      if (bias != 0 && !c.subtractDecoderBias()) {
        throw ForeignWriter.refused(
            "SAELens",
            "matching pursuit with a decoder bias that is not subtracted from the input",
            "keep it in Sluice's format");
      }
    }
    ObjectNode json = ForeignConfig.object();
    json.put("architecture", SaeLens.PURSUIT);
    json.put("d_in", c.inputWidth());
    json.put("d_sae", c.features());
    json.put("dtype", "float32");
    json.put("device", "cpu");
    json.put("apply_b_dec_to_input", c.subtractDecoderBias());
    json.put("normalize_activations", normalisation(c));
    json.put("residual_threshold", pursuit.residual());
    json.put("max_iterations", pursuit.iterations());
    json.put("stop_on_duplicate_support", true);
    ObjectNode metadata = json.putObject("metadata");
    metadata.put("sae_lens_version", SaeLens.VERSION);
    putOrigin(json, metadata, c, false);
    OutputFolder.make(folder);
    Safetensors.writePieces(
        folder.resolve(SaeLens.WEIGHTS),
        List.of(
            ForeignWriter.matrix("W_dec", dictionary.decoder(), c.features(), c.outputWidth()),
            ForeignWriter.floats("b_dec", dictionary.decoderBias(), c.outputWidth())),
        Map.of());
    ForeignConfig.write(folder.resolve(SaeLens.CONFIG), json);
  }

  static void save(DictionarySource given, Path folder) throws IOException {
    boolean transcoder = ForeignWriter.isTranscoder(given);
    requireUndoneAsThere(given.config(), transcoder);
    if (given.config().activation() instanceof Pursuit pursuit) {
      savePursuit(given, pursuit, folder);
      return;
    }
    DictionarySource dictionary = Conventions.withValueThresholds(given);
    if (dictionary.config().scoreByDecoderNorm()) {
      dictionary = Conventions.withUnitDecoder(dictionary);
    }
    if (transcoder) {
      dictionary = Conventions.subtracting(dictionary, false);
    }
    DictionaryConfig c = dictionary.config();
    ObjectNode json = ForeignConfig.object();
    List<TensorPieces> tensors = new ArrayList<>();
    tensors.add(
        ForeignWriter.transposed("W_enc", dictionary.encoder(), c.features(), c.inputWidth()));
    tensors.add(ForeignWriter.matrix("W_dec", dictionary.decoder(), c.features(), c.outputWidth()));
    tensors.add(ForeignWriter.floats("b_dec", dictionary.decoderBias(), c.outputWidth()));
    if (!(c.activation() instanceof Gated)) {
      tensors.add(ForeignWriter.floats("b_enc", dictionary.encoderBias(), c.features()));
    }
    json.put("architecture", architecture(dictionary, transcoder, json, tensors));
    if (dictionary.hasSkip()) {
      tensors.add(
          ForeignWriter.floats("W_skip", dictionary.skip(), c.outputWidth(), c.inputWidth()));
    }
    json.put("d_in", c.inputWidth());
    json.put("d_sae", c.features());
    if (transcoder) {
      json.put("d_out", c.outputWidth());
    }
    json.put("dtype", "float32");
    json.put("device", "cpu");
    json.put("apply_b_dec_to_input", c.subtractDecoderBias());
    json.put("normalize_activations", normalisation(c));
    ObjectNode metadata = json.putObject("metadata");
    metadata.put("sae_lens_version", SaeLens.VERSION);
    putOrigin(json, metadata, c, transcoder);
    if (!transcoder) {
      putTraining(metadata, given.config());
    }
    OutputFolder.make(folder);
    Safetensors.writePieces(folder.resolve(SaeLens.WEIGHTS), tensors, Map.of());
    ForeignConfig.write(folder.resolve(SaeLens.CONFIG), json);
  }

  private static String normalisation(DictionaryConfig c) {
    return c.isCentred() ? "none" : c.tokenNorm().map(norm -> norm.kind().label()).orElse("none");
  }

  /** SAELens undoes the normalisation of a token in autoencoders, not in transcoders. */
  private static void requireUndoneAsThere(DictionaryConfig c, boolean transcoder) {
    if (c.tokenNorm().isPresent() && c.tokenNorm().get().undone() == transcoder) {
      throw ForeignWriter.refused(
          "SAELens",
          transcoder
              ? "transcoders whose output is restored to the units of their input"
              : "autoencoders whose output stays in normalised units",
          "keep it in Sluice's format");
    }
    if (c.isCentred() && !ModelProcessing.canCentre(c.model(), c.inputHook())) {
      throw ForeignWriter.refused(
          "SAELens",
          "centred activations but those that blocks of models with LayerNorm write",
          "keep it in Sluice's format");
    }
  }

  /** Writes the hook points for SAELens. */
  private static void putOrigin(
      ObjectNode json, ObjectNode metadata, DictionaryConfig c, boolean transcoder) {
    String read = TransformerLensNames.of(c.inputHook(), c.model()).orElse(c.inputHook());
    // Heads are a separate axis there.
    json.put(
        "reshape_activations", !transcoder && read.endsWith("attn.hook_z") ? "hook_z" : "none");
    metadata.put("model_name", c.model());
    metadata.put("hook_name", read);
    if (transcoder) {
      metadata.put(
          "hook_name_out",
          TransformerLensNames.of(c.outputHook(), c.model()).orElse(c.outputHook()));
    }
    if (c.isCentred()) {
      metadata.putObject(ModelProcessing.SETTING).put(ModelProcessing.CENTRED, true);
    }
    c.prependBos().ifPresent(prepended -> metadata.put("prepend_bos", prepended));
  }

  /** Writes what SAELens writes when it saves a BatchTopK dictionary for inference. */
  private static void putTraining(ObjectNode metadata, DictionaryConfig c) {
    boolean batch = c.activation() instanceof BatchTopK;
    boolean nested = !c.prefixes().isEmpty() && (batch || c.activation() instanceof JumpReLU);
    if (!batch && !nested) {
      return;
    }
    metadata.put(SaeLens.TRAINED, nested ? SaeLens.MATRYOSHKA : SaeLens.BATCH);
    ObjectNode details = metadata.putObject(SaeLens.DETAILS);
    if (c.activation() instanceof BatchTopK batchTopK) {
      details.put("k", batchTopK.k());
      details.put("rescale_acts_by_decoder_norm", c.scoreByDecoderNorm());
    }
    if (nested) {
      ArrayNode widths = details.putArray(SaeLens.WIDTHS);
      c.prefixes().forEach(widths::add);
      widths.add(c.features());
    }
  }

  private static String architecture(
      DictionarySource dictionary,
      boolean transcoder,
      ObjectNode json,
      List<TensorPieces> tensors) {
    DictionaryConfig c = dictionary.config();
    boolean skip = dictionary.hasSkip();
    boolean thresholded =
        c.activation() instanceof JumpReLU
            || c.activation() instanceof BatchTopK(int k, OptionalDouble threshold)
                && threshold.isPresent();
    if (skip && !(c.activation() instanceof ReLU) && !thresholded) {
      throw ForeignWriter.refused(
          "SAELens",
          "skip transcoders but with ReLU and JumpReLU, and this one has " + c.activation().label(),
          "convert one with TopK to sparsify, or keep it in Sluice's format");
    }
    return switch (c.activation()) {
      case AbsTopK signed when transcoder ->
          throw ForeignWriter.refused(
              "SAELens", "transcoders with signed codes (abstopk)", "keep it in Sluice's format");
      case AbsTopK signed -> {
        json.put("k", signed.k());
        json.put("rescale_acts_by_decoder_norm", false);
        yield "abstopk";
      }
      case TopK topK when transcoder ->
          throw ForeignWriter.refused(
              "SAELens",
              "transcoders with TopK",
              "convert to sparsify or llamascopium, which have them");
      case TopK topK -> {
        json.put("k", topK.k());
        json.put("rescale_acts_by_decoder_norm", false);
        yield "topk";
      }
      case ReLU relu when skip -> "skip_transcoder";
      case ReLU relu -> transcoder ? "transcoder" : "standard";
      case JumpReLU(Thresholds thresholds) -> {
        tensors.add(ForeignWriter.floats("threshold", thresholds.toArray(c.features())));
        yield jump(transcoder, skip);
      }
      case BatchTopK batch when batch.threshold().isPresent() -> {
        Thresholds thresholds = Thresholds.uniform((float) batch.threshold().getAsDouble());
        tensors.add(ForeignWriter.floats("threshold", thresholds.toArray(c.features())));
        yield jump(transcoder, skip);
      }
      case BatchTopK batch ->
          throw ForeignWriter.refused(
              "SAELens",
              "BatchTopK dictionaries without a threshold, and this one has none",
              "convert to llamascopium, which has them");
      case Gated gated when transcoder ->
          throw ForeignWriter.refused("SAELens", "gated transcoders", "keep it in Sluice's format");
      case Gated(Thresholds thresholds) -> {
        float[] magnitude = dictionary.encoderBias().toArray(FLOAT);
        tensors.add(ForeignWriter.floats("b_mag", magnitude));
        tensors.add(ForeignWriter.floats("b_gate", Gate.bias(magnitude, thresholds)));
        tensors.add(ForeignWriter.floats("r_mag", new float[c.features()]));
        yield "gated";
      }
      default ->
          throw ForeignWriter.refused(
              "SAELens", "activation " + c.activation().label(), "keep it in Sluice's format");
    };
  }

  private static String jump(boolean transcoder, boolean skip) {
    return skip ? "jumprelu_skip_transcoder" : transcoder ? "jumprelu_transcoder" : "jumprelu";
  }
}
