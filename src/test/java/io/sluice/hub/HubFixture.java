package io.sluice.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** A played hub, an empty cache, and a repository with a large file and a small one. */
abstract class HubFixture {
  static final String NAME = "maker/model";
  static final String WEIGHTS = "model.safetensors";
  static final byte[] LARGE = bytes(300_000, 1);
  static final byte[] SMALL = "{\"model_type\": \"x\"}".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temp;
  final PlayedHub played = new PlayedHub();
  final List<String> pauses = new ArrayList<>();
  final List<Duration> waits = new ArrayList<>();
  final Map<String, String> environment = new HashMap<>();
  long free = Long.MAX_VALUE;

  /** All files. */
  static final FileChoice ALL =
      new FileChoice() {
        @Override
        public List<String> of(String folder, List<String> names, String wanted) {
          return wanted == null ? names : List.of(wanted);
        }

        @Override
        public boolean suffices(List<String> chosen) {
          return chosen.contains(WEIGHTS) || !chosen.contains("config.json");
        }
      };

  HubFixture() throws IOException {}

  @AfterEach
  void stop() {
    played.close();
  }

  static byte[] bytes(int length, int seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  Hub hub() throws IOException {
    environment.putIfAbsent("HF_ENDPOINT", played.endpoint().toString());
    environment.putIfAbsent("HF_HOME", temp.resolve("hf").toString());
    FetchListener listener =
        new FetchListener() {
          @Override
          public void pause(String why) {
            pauses.add(why);
          }
        };
    return new Hub(HubSettings.of(environment, temp), listener, waits::add, folder -> free);
  }

  Path find(String name) throws IOException {
    return hub().find(HubName.parse(name).orElseThrow(), ALL);
  }

  Path repository() {
    return temp.resolve("hf/hub/models--maker--model");
  }

  String put() {
    return played.put(NAME, Map.of(WEIGHTS, LARGE, "config.json", SMALL));
  }

  static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  List<String> ranges() {
    return played.asked().stream()
        .filter(asked -> asked.server().equals("network") && asked.method().equals("GET"))
        .map(PlayedHub.Asked::range)
        .toList();
  }
}
