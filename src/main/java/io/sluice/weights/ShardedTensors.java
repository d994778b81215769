package io.sluice.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Several files of one model, safetensors or PyTorch's, with an index ({@code
 * model.safetensors.index.json}, {@code pytorch_model.bin.index.json}) whose {@code weight_map}
 * gives each tensor's file. The files are in the folder of the index; names that lead elsewhere are
 * refused.
 */
public final class ShardedTensors implements TensorSource {
  private static final String PYTORCH = ".bin.index.json";

  /** Far above the index of a model with a million tensors. */
  private static final long MAX_INDEX_BYTES = 256L << 20;

  private static final JsonFactory JSON = StrictJson.factory(StreamReadConstraints.defaults());

  private final Path path;
  private final Map<String, TensorSource> shardOf;
  private final Map<String, String> unreadable;

  private ShardedTensors(
      Path path, Map<String, TensorSource> shardOf, Map<String, String> unreadable) {
    this.path = path;
    this.shardOf = shardOf;
    this.unreadable = unreadable;
  }

  /**
   * Reads an index, and opens and validates all its files. Tensors of an element type that Sluice
   * does not read are left out, see {@link #unreadable}.
   *
   * @throws IOException if the index or a file is missing or damaged, or a file lacks a tensor that
   *     the index places in it
   */
  public static ShardedTensors open(Path index) throws IOException {
    Map<String, TensorSource> shards = new LinkedHashMap<>();
    Map<String, TensorSource> shardOf = new LinkedHashMap<>();
    Map<String, String> unreadable = new HashMap<>();
    for (Map.Entry<String, String> entry : weightMap(index).entrySet()) {
      String file = entry.getValue();
      TensorSource shard = shards.get(file);
      if (shard == null) {
        shard = openShard(index, file);
        shards.put(file, shard);
      }
      String type = shard.unreadable(entry.getKey());
      if (type != null) {
        unreadable.put(entry.getKey(), type);
        continue;
      }
      if (!shard.contains(entry.getKey())) {
        throw BadFile.damaged(
            index,
            "places tensor "
                + Quoted.of(entry.getKey())
                + " in "
                + Quoted.of(file)
                + ", which lacks it");
      }
      shardOf.put(entry.getKey(), shard);
    }
    return new ShardedTensors(index, shardOf, unreadable);
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(shardOf.keySet());
  }

  @Override
  public String unreadable(String name) {
    return unreadable.get(name);
  }

  @Override
  public TensorInfo info(String name) {
    return shard(name).info(name);
  }

  @Override
  public MemorySegment data(String name) {
    return shard(name).data(name);
  }

  private TensorSource shard(String name) {
    TensorSource shard = shardOf.get(name);
    if (shard == null) {
      throw new IllegalArgumentException(
          path + " has no tensor " + Quoted.of(name) + " among its " + shardOf.size());
    }
    return shard;
  }

  private static TensorSource openShard(Path index, String file) throws IOException {
    boolean plainName =
        !file.isEmpty()
            && !file.equals("..")
            && !file.equals(".")
            && file.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    if (!plainName) {
      throw BadFile.because(
          index, "refers to " + Quoted.of(file), "shards must lie beside their index");
    }
    Path shard = index.resolveSibling(file);
    if (!Files.exists(shard)) {
      throw BadFile.because(
          index, "refers to shard " + Quoted.of(file) + ", which is missing", "fetch it");
    }
    return String.valueOf(index.getFileName()).endsWith(PYTORCH)
        ? PyTorchFile.open(shard)
        : Safetensors.openReadable(shard);
  }

  private static Map<String, String> weightMap(Path index) throws IOException {
    try {
      RegularFile.require(index);
      if (Files.size(index) > MAX_INDEX_BYTES) {
        throw BadFile.because(
            index, "is larger than " + MAX_INDEX_BYTES + " bytes", "this is not an index");
      }
    } catch (NoSuchFileException e) {
      throw new IOException(index + ": no such file; check the path", e);
    }
    Map<String, String> map = null;
    try (JsonParser json = JSON.createParser(StrictJson.text(Files.readAllBytes(index)))) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw BadFile.damaged(index, "is not a JSON object");
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String field = json.currentName();
        JsonToken value = json.nextToken();
        if (field.equals("weight_map") && value == JsonToken.START_OBJECT) {
          map = new LinkedHashMap<>();
          while (json.nextToken() == JsonToken.FIELD_NAME) {
            String tensor = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
              throw BadFile.damaged(
                  index, "weight_map gives no file name for " + Quoted.of(tensor));
            }
            map.put(tensor, json.getText());
          }
        } else {
          json.skipChildren();
        }
      }
      if (json.nextToken() != null) {
        throw BadFile.damaged(index, "there is more after the closing brace");
      }
    } catch (JsonProcessingException e) {
      throw BadFile.damaged(index, "is not valid JSON: " + StrictJson.reason(e));
    }
    if (map == null || map.isEmpty()) {
      throw BadFile.damaged(index, "has no weight_map");
    }
    return map;
  }
}
