package io.sluice.training.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.sluice.dictionary.VerifiedTensors;
import io.sluice.engine.spec.StateTensor;
import io.sluice.files.StrictJson;
import io.sluice.memory.MappedPages;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The file of a checkpoint: {@code checkpoint-<step>.safetensors} holds the whole state of an
 * engine, and in its metadata the progress of the run, all with checksums. Files are written under
 * a temporary name, flushed and renamed, and the one before is kept, so that a run killed at any
 * moment has a good one.
 */
public final class StateFile {
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})\\.safetensors");

  /** The newest may be damaged. */
  private static final int LEAST_KEPT = 2;

  /** Bytes that are read from an engine, or written to it, at a time. */
  private static final long PIECE = 64L << 20;

  private StateFile() {}

  /**
   * The state of an engine.
   *
   * @param tensors its tensors
   * @param read reads rows of them
   * @param write sets rows of them
   */
  public record State(List<StateTensor> tensors, Reader read, Writer write) {}

  /** Reads some rows of a tensor. */
  @FunctionalInterface
  public interface Reader {
    /** The rows: a view of the engine's memory, or a copy in {@code arena}. */
    MemorySegment read(StateTensor tensor, long first, long count, Arena arena);
  }

  /** Sets some rows of a tensor. */
  @FunctionalInterface
  public interface Writer {
    /** Sets the rows from {@code first} on. */
    void write(StateTensor tensor, long first, MemorySegment data);
  }

  /** Takes a piece of a tensor. */
  private interface Piece {
    void take(StateTensor tensor, long first, long count) throws IOException;
  }

  /** Reads the description of a checkpoint. */
  @FunctionalInterface
  public interface Description<T> {
    /**
     * Reads it.
     *
     * @throws JsonProcessingException if it is damaged
     * @throws IllegalArgumentException if a field is missing
     * @throws IOException if the checkpoint does not belong to this run; the message says why
     */
    T read(String text) throws IOException;
  }

  /**
   * Writes a checkpoint and deletes all but the newest.
   *
   * @param step the step after which it is written
   * @param keep how many are asked for when the run has ended
   * @param key the name of the description in the file's metadata
   */
  public static void write(
      Path folder, long step, int keep, State state, String key, String description)
      throws IOException {
    List<TensorInfo> infos = new ArrayList<>();
    for (StateTensor tensor : state.tensors()) {
      infos.add(new TensorInfo(tensor.name(), tensor.dtype(), shape(tensor)));
    }
    VerifiedTensors.write(
        folder.resolve(String.format(Locale.ROOT, "checkpoint-%09d.safetensors", step)),
        infos,
        Map.of(key, description),
        target -> {
          for (StateTensor tensor : state.tensors()) {
            forPieces(
                tensor,
                (same, first, count) -> {
                  // Of a large state on a GPU, the machine's memory need not hold a copy.
                  try (Arena arena = Arena.ofShared()) {
                    target.append(same.name(), state.read().read(same, first, count, arena));
                  }
                });
          }
        });
    deleteAllBut(keptWhileRunning(keep), folder);
  }

  /** How many checkpoints a run keeps while it lasts, of which {@code keep} are to stay. */
  public static int keptWhileRunning(int keep) {
    return Math.max(LEAST_KEPT, keep);
  }

  /** Deletes the checkpoints of a folder but its newest. */
  static void deleteAllBut(int newest, Path folder) throws IOException {
    List<Path> all = list(folder);
    for (Path old : all.subList(Math.min(newest, all.size()), all.size())) {
      Files.deleteIfExists(old);
    }
  }

  /** The checkpoints of a folder, newest first. */
  public static List<Path> list(Path folder) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "checkpoint-*")) {
      for (Path file : files) {
        if (NAME.matcher(file.getFileName().toString()).matches()) {
          found.add(file);
        }
      }
    }
    found.sort(Comparator.comparingLong(StateFile::stepOf).reversed());
    return found;
  }

  /** Whether a file has the name of a checkpoint. */
  public static boolean isNamed(Path file) {
    return stepOf(file) >= 0;
  }

  private static long stepOf(Path file) {
    Matcher name = NAME.matcher(file.getFileName().toString());
    return name.matches() ? Long.parseLong(name.group(1)) : -1;
  }

  /**
   * Puts the newest checkpoint of {@code folder} into an engine.
   *
   * @param key the name of the description in the file's metadata
   * @param otherwise what can be done without the file if it is the only one, for instance {@code
   *     delete it to start the run again}
   * @return its description, or null if the folder has no checkpoint
   * @throws IOException if the file is damaged or belongs to another run; the message names it and
   *     what to do
   */
  public static <T> T restoreNewest(
      Path folder, State state, String key, Description<T> description, String otherwise)
      throws IOException {
    List<Path> all = list(folder);
    if (all.isEmpty()) {
      return null;
    }
    Path file = all.getFirst();
    try {
      return restore(file, state, key, description);
    } catch (IOException e) {
      String remedy =
          all.size() > 1 ? "delete it to continue from " + all.get(1).getFileName() : otherwise;
      String message = e.getMessage();
      throw new IOException(
          (message.contains(file.getFileName().toString()) ? "" : file + ": ")
              + message
              + "; or "
              + remedy,
          e);
    }
  }

  /**
   * Puts a checkpoint into an engine, or those of its tensors that the engine has.
   *
   * @param key the name of the description in the file's metadata
   * @return its description
   * @throws IOException if the file is damaged or belongs to another kind of run or dictionary
   */
  public static <T> T restore(Path file, State state, String key, Description<T> description)
      throws IOException {
    Safetensors tensors = VerifiedTensors.open(file);
    String text = tensors.metadata().get(key);
    if (text == null) {
      throw new IOException(file + ": not a checkpoint of this kind of run");
    }
    T described;
    try {
      described = description.read(text);
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": its description is damaged: " + StrictJson.reason(e), e);
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": its description is damaged: " + e.getMessage(), e);
    }
    for (StateTensor tensor : state.tensors()) {
      if (!tensors.names().contains(tensor.name())) {
        throw new IOException(file + ": tensor '" + tensor.name() + "' is missing");
      }
      TensorInfo info = tensors.info(tensor.name());
      if (info.dtype() != tensor.dtype() || !Arrays.equals(info.shape(), shape(tensor))) {
        throw new IOException(
            "%s: tensor '%s' is %s %s, but this run has %s %s"
                .formatted(
                    file,
                    tensor.name(),
                    info.dtype().label(),
                    Arrays.toString(info.shape()),
                    tensor.dtype().label(),
                    tensor.shape()));
      }
      MemorySegment data = tensors.data(tensor.name());
      long row = tensor.rowBytes();
      forPieces(
          tensor,
          (same, first, count) -> {
            MemorySegment piece = data.asSlice(first * row, count * row);
            state.write().write(same, first, piece);
            MappedPages.release(piece);
          });
    }
    return described;
  }

  private static void forPieces(StateTensor tensor, Piece piece) throws IOException {
    long most = Math.max(1, PIECE / tensor.rowBytes());
    for (long first = 0; first < tensor.rows(); first += most) {
      piece.take(tensor, first, Math.min(most, tensor.rows() - first));
    }
  }

  private static long[] shape(StateTensor tensor) {
    return tensor.shape().stream().mapToLong(Long::longValue).toArray();
  }
}
