package io.sluice.spark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Assumptions;

/**
 * S3Proxy, a server of S3 that checks signatures and keeps objects as files, and what Spark needs
 * to reach it. {@code SLUICE_S3} names the folder with the jars of both; {@code .ci/run} makes it.
 */
final class S3Server implements AutoCloseable {
  private static final String KEY = "someone";
  private static final String SECRET = "something";
  private static final String BUCKET = "bucket";

  private final Path objects;
  private final Process process;
  private final int port;

  private S3Server(Path objects, Process process, int port) {
    this.objects = objects;
    this.process = process;
    this.port = port;
  }

  private static Path jars() {
    String folder = System.getenv("SLUICE_S3");
    Assumptions.assumeTrue(folder != null, "no SLUICE_S3, so no server of S3");
    return Path.of(folder);
  }

  /** Starts a server without objects, whose files are in a folder, and returns when it answers. */
  static S3Server start(Path folder) throws IOException {
    Path jars = jars();
    Path objects = folder.resolve("objects");
    Files.createDirectories(objects.resolve(BUCKET));
    Path settings = folder.resolve("s3proxy.properties");
    Files.write(
        settings,
        List.of(
            "s3proxy.authorization=aws-v2-or-v4",
            "s3proxy.endpoint=http://127.0.0.1:0",
            "s3proxy.identity=" + KEY,
            "s3proxy.credential=" + SECRET,
            "jclouds.provider=filesystem-nio2",
            "jclouds.filesystem.basedir=" + objects));
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx200m",
                "-cp",
                jars.resolve("server") + "/*",
                "org.gaul.s3proxy.Main",
                "--properties",
                settings.toString())
            .redirectErrorStream(true)
            .start();
    BufferedReader log = process.inputReader();
    Pattern started = Pattern.compile("Started ServerConnector.*\\{127\\.0\\.0\\.1:(\\d+)}");
    StringBuilder all = new StringBuilder();
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      all.append(line).append('\n');
      Matcher port = started.matcher(line);
      if (port.find()) {
        Thread.ofPlatform().daemon().start(() -> drain(log));
        return new S3Server(objects, process, Integer.parseInt(port.group(1)));
      }
    }
    throw new IOException("the server has ended:\n" + all);
  }

  private static void drain(BufferedReader log) {
    try {
      log.transferTo(Writer.nullWriter());
    } catch (IOException e) {
      // The server was stopped.
    }
  }

  /** The file of an object. */
  Path file(String key) {
    return objects.resolve(BUCKET).resolve(key);
  }

  /** The address of an object or a folder. */
  static String address(String key) {
    return "s3a://" + BUCKET + "/" + key;
  }

  /** Uploads the files of a folder. */
  void put(Path folder, String key) throws IOException, InterruptedException {
    List<Path> files;
    try (Stream<Path> listed = Files.list(folder)) {
      files = listed.toList();
    }
    for (Path file : files) {
      put(key + "/" + file.getFileName(), Files.readAllBytes(file));
    }
  }

  /** Uploads an object, signed by the scheme that S3 had first, which is the shorter one. */
  private void put(String key, byte[] content) throws IOException, InterruptedException {
    String resource = "/" + BUCKET + "/" + key;
    String date = DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC));
    String signed = "PUT\n\n\n\nx-amz-date:" + date + "\n" + resource;
    String signature;
    try {
      Mac mac = Mac.getInstance("HmacSHA1");
      mac.init(new SecretKeySpec(SECRET.getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
      byte[] sum = mac.doFinal(signed.getBytes(StandardCharsets.UTF_8));
      signature = Base64.getEncoder().encodeToString(sum);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + resource))
            .header("x-amz-date", date)
            .header("Authorization", "AWS " + KEY + ":" + signature)
            .PUT(HttpRequest.BodyPublishers.ofByteArray(content))
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IOException(answer.statusCode() + " " + answer.body());
      }
    }
  }

  /** Options for Spark. */
  List<String> options() throws IOException {
    return options(SECRET, port);
  }

  /** The same for another port, where something passes on what comes. */
  List<String> options(int other) throws IOException {
    return options(SECRET, other);
  }

  /** Where it listens. */
  int port() {
    return port;
  }

  /** The same with another secret; a server that does not answer is soon given up. */
  List<String> options(String secret) throws IOException {
    return options(secret, port);
  }

  private static List<String> options(String secret, int at) throws IOException {
    String client;
    try (Stream<Path> jars = Files.list(jars().resolve("client"))) {
      client = jars.map(Path::toString).sorted().collect(Collectors.joining(","));
    }
    List<String> options = new ArrayList<>(List.of("--jars", client));
    for (String setting :
        List.of(
            "endpoint=http://127.0.0.1:" + at,
            "path.style.access=true",
            "access.key=" + KEY,
            "secret.key=" + secret,
            "attempts.maximum=1",
            "retry.limit=1")) {
      options.add("--conf");
      options.add("spark.hadoop.fs.s3a." + setting);
    }
    return options;
  }

  /** Kills it. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}
