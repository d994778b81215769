package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.files.OutputFolder;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorPieces;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * EleutherAI sparsify: {@code cfg.json} and {@code sae.safetensors}, feature-major like Sluice's.
 * All are TopK; an autoencoder always subtracts its decoder bias, a transcoder never does, and both
 * have one width. Neither model nor hook point is in the files; the folder is named by the module,
 * as {@code layers.10.mlp}.
 *
 * <p>Before February 2025 there was no {@code transcode}: all subtracted their decoder bias before
 * encoding, and a skip connection read the input itself. The library still does so unless {@code
 * transcode} is true. Earlier, {@code signed} selected by absolute value, without ReLU.
 */
final class Sparsify implements FolderFormat {
  private static final String CONFIG = "cfg.json";
  private static final String WEIGHTS = "sae.safetensors";

  private static final List<String> READ = List.of("resid_in", "mlp_in", "attn_in");
  private static final List<String> WRITTEN = List.of("resid", "mlp_out", "attn_out");

  /** A layer, or its MLP or attention. */
  private static final Pattern MODULE =
      Pattern.compile("/(?:layers|h)[._](\\d{1,4})(?:\\.(mlp|attention|self_attn|attn))?$");

  /** Experimental encoders of versions of 2024 and 2025. */
  private static final List<String> EXPERIMENTS =
      List.of(
          "monet",
          "encoder_halut",
          "encoder_pkm",
          "encoder_kron",
          "encoder_monarch",
          "encoder_weird");

  @Override
  public String label() {
    return "sparsify";
  }

  @Override
  public String config() {
    return CONFIG;
  }

  @Override
  public String weights() {
    return WEIGHTS;
  }

  @Override
  public boolean keepsSkip() {
    return true;
  }

  @Override
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    ForeignConfig config = ForeignConfig.read(folder.resolve(CONFIG));
    String activation = config.text("activation", "topk");
    if (!activation.equals("topk")) {
      throw config.unknown("activation", activation, List.of("topk"));
    }
    int width = config.positive("d_in");
    // 0 means a multiple of the width.
    boolean counted = config.has("num_latents") && config.number("num_latents") != 0;
    int h =
        counted
            ? config.positive("num_latents")
            : config.product(width, config.positive("expansion_factor"));
    int k = config.count("k", h);
    boolean transcoder = config.bool("transcode", false);
    boolean skip = config.bool("skip_connection", false);
    boolean signed = config.bool("signed", false);
    for (String experiment : EXPERIMENTS) {
      config.requireOff(experiment, "an experiment of the library's, whose codes are others");
    }
    ForeignTensors tensors = new ForeignTensors(Safetensors.open(folder.resolve(WEIGHTS)), CONFIG);
    WeightRows encoder = tensors.rows("encoder.weight", h, width);
    MemorySegment encoderBias = tensors.segment("encoder.bias", h);
    WeightRows decoder = tensors.rows("W_dec", h, width);
    MemorySegment decoderBias = tensors.segment("b_dec", width);
    MemorySegment skipped = skip ? tensors.matrix("W_skip", width, width) : null;
    tensors.requireNoOthers("a sparse coder " + (skip ? "with" : "without") + " a skip connection");
    // An autoencoder with a skip connection is a transcoder from before {@code transcode} existed.
    boolean apart = transcoder || skip;
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                "",
                hook(folder, apart ? READ : WRITTEN, apart ? "input" : ""),
                hook(folder, WRITTEN, apart ? "output" : ""),
                width,
                width,
                h,
                signed ? new AbsTopK(k) : new TopK(k),
                !transcoder,
                false),
            encoder,
            encoderBias,
            decoder,
            decoderBias,
            null);
    if (skip) {
      // The connection reads the input itself; the bias that the encoder subtracts is folded into
      // the encoder bias.
      dictionary = Conventions.subtracting(dictionary, false);
    }
    return new DictionarySource(
        dictionary.config(),
        dictionary.encoder(),
        dictionary.encoderBias(),
        dictionary.decoder(),
        dictionary.decoderBias(),
        skipped);
  }

  /**
   * The hook point of the module that the library names the folder by.
   *
   * @param kinds of a layer, its MLP and its attention
   */
  private static String hook(Path folder, List<String> kinds, String otherwise) {
    return PublishedPlaces.inPath(folder, MODULE)
        .map(
            module -> {
              String part = module.group(2);
              int kind = part == null ? 0 : part.equals("mlp") ? 1 : 2;
              return "layers." + module.group(1) + "." + kinds.get(kind);
            })
        .orElse(otherwise);
  }

  @Override
  public void save(DictionarySource given, Path folder) throws IOException {
    if (!(given.config().activation() instanceof TopK(int k))) {
      throw ForeignWriter.refused(
          "sparsify",
          "activation but TopK, and this dictionary has " + given.config().activation().label(),
          "convert to saelens or llamascopium");
    }
    if (given.config().inputWidth() != given.config().outputWidth()) {
      throw ForeignWriter.refused(
          "sparsify",
          "dictionaries of two widths, and this one reads %d and writes %d"
              .formatted(given.config().inputWidth(), given.config().outputWidth()),
          "keep it in Sluice's format");
    }
    boolean transcoder = ForeignWriter.isTranscoder(given);
    DictionarySource dictionary =
        given.config().scoreByDecoderNorm() ? Conventions.withUnitDecoder(given) : given;
    dictionary = Conventions.subtracting(dictionary, !transcoder);
    DictionaryConfig c = dictionary.config();
    ObjectNode json = ForeignConfig.object();
    json.put("activation", "topk");
    json.put("expansion_factor", Math.max(1, c.features() / c.inputWidth()));
    // If training continues there, rows keep their lengths.
    json.put("normalize_decoder", false);
    json.put("num_latents", c.features());
    json.put("k", k);
    json.put("multi_topk", false);
    json.put("skip_connection", dictionary.hasSkip());
    json.put("transcode", transcoder);
    json.put("d_in", c.inputWidth());
    OutputFolder.make(folder);
    List<TensorPieces> tensors = new ArrayList<>();
    tensors.add(
        ForeignWriter.matrix("encoder.weight", dictionary.encoder(), c.features(), c.inputWidth()));
    tensors.add(ForeignWriter.floats("encoder.bias", dictionary.encoderBias(), c.features()));
    tensors.add(ForeignWriter.matrix("W_dec", dictionary.decoder(), c.features(), c.outputWidth()));
    tensors.add(ForeignWriter.floats("b_dec", dictionary.decoderBias(), c.outputWidth()));
    if (dictionary.hasSkip()) {
      tensors.add(
          ForeignWriter.floats("W_skip", dictionary.skip(), c.outputWidth(), c.inputWidth()));
    }
    Safetensors.writePieces(folder.resolve(WEIGHTS), tensors, Map.of());
    ForeignConfig.write(folder.resolve(CONFIG), json);
  }
}
