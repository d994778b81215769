package io.sluice.lorsa;

import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.VerifiedTensors;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.files.StrictJson;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.memory.DType;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** A Lorsa on disk: {@code lorsa.json} beside {@code lorsa.safetensors}. */
final class LorsaFiles {
  static final String FORMAT = "sluice.lorsa/1";
  static final String CONFIG = "lorsa.json";
  static final String WEIGHTS = "lorsa.safetensors";
  private static final String REMEDY = "restore it or train again";
  private static final long MAX_CONFIG_BYTES = 1 << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());

  private LorsaFiles() {}

  static void save(Lorsa lorsa, Path folder) throws IOException {
    LorsaSpec spec = lorsa.config().spec();
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("weights", WEIGHTS);
    lorsa.config().write(json);
    List<TensorData> tensors = new ArrayList<>();
    for (LorsaTensor tensor : LorsaTensor.values()) {
      tensors.add(
          TensorData.of(
              tensor.label(), DType.F32, lorsa.weights().get(tensor), tensor.shape(spec)));
    }
    VerifiedTensors.write(
        folder.resolve(WEIGHTS),
        tensors,
        Map.of("format", FORMAT, "config", JSON.writeValueAsString(json)));
    AtomicFile.write(
        folder.resolve(CONFIG), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  static Lorsa load(Path folder) throws IOException {
    Path file = folder.resolve(CONFIG);
    if (!Files.exists(file)) {
      throw new NoSuchFileException(
          file + " (a Lorsa is a folder with " + CONFIG + " and " + WEIGHTS + ")");
    }
    Fields json = Fields.read(file, FORMAT, REMEDY, MAX_CONFIG_BYTES);
    json.text("weights");
    LorsaConfig config = LorsaConfig.read(json);
    json.requireNoOthers();
    Safetensors weights = VerifiedTensors.open(folder.resolve(WEIGHTS));
    Map<LorsaTensor, MemorySegment> memory = new EnumMap<>(LorsaTensor.class);
    for (LorsaTensor tensor : LorsaTensor.values()) {
      memory.put(tensor, tensor(weights, tensor, config.spec()));
    }
    // The weights, which have checksums, repeat the config, so that a flipped bit in it is found,
    // too.
    String repeated = weights.metadata().get("config");
    if (repeated != null
        && !Fields.parse(weights.path().toString(), repeated, REMEDY).json().equals(json.json())) {
      throw new IOException(
          file + ": was changed: " + WEIGHTS + " was written with other settings; " + REMEDY);
    }
    return json.build(() -> new Lorsa(config, new LorsaWeights(config.spec(), memory)));
  }

  private static MemorySegment tensor(Safetensors file, LorsaTensor tensor, LorsaSpec spec)
      throws IOException {
    String name = tensor.label();
    if (!file.names().contains(name)) {
      throw new IOException(
          file.path() + ": tensor '" + name + "' is missing; the file has " + file.names());
    }
    TensorInfo info = file.info(name);
    if (info.dtype() != DType.F32 || !Arrays.equals(info.shape(), tensor.shape(spec))) {
      throw new IOException(
          "%s: tensor '%s' is %s %s, but %s requires float32 %s"
              .formatted(
                  file.path(),
                  name,
                  info.dtype().label(),
                  Arrays.toString(info.shape()),
                  CONFIG,
                  Arrays.toString(tensor.shape(spec))));
    }
    MemorySegment data = file.data(name);
    for (long i = 0; i < data.byteSize() / Float.BYTES; i++) {
      if (!Float.isFinite(data.getAtIndex(FLOAT, i))) {
        throw new IOException(
            "%s: tensor '%s', value %d is %s; %s"
                .formatted(file.path(), name, i, data.getAtIndex(FLOAT, i), REMEDY));
      }
    }
    return data;
  }
}
