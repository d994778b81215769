import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.server.MiniYARNCluster;

/**
 * A resource manager and two node managers of YARN, and HDFS of one data node, on free ports of
 * this machine. Its argument is an empty folder, in which it writes the clients' settings into
 * {@code conf}. It prints the address of HDFS when all answer. A line of its standard input has a
 * folder on HDFS, a tab, and the folder of this machine to which it is copied. It ends, with all
 * containers, when its standard input does: also if the process that has started it is killed.
 *
 * <p>The JDK that YARN runs on starts this source file, so it is for Java 17.
 */
public final class MiniHadoop {
  private static final int NODES = 2;
  private static final int NODE_MEGABYTES = 2600;
  private static final int START_MILLIS = 120_000;
  private static final int STOP_SECONDS = 20;

  private MiniHadoop() {}

  public static void main(String[] args) {
    // What others print does not stand between the answers.
    PrintStream answers = System.out;
    System.setOut(System.err);
    try {
      run(Path.of(args[0]).toAbsolutePath(), answers);
    } catch (Throwable e) {
      e.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(Path folder, PrintStream answers) throws Exception {
    // Where the mini cluster keeps its files otherwise is below the working folder.
    System.setProperty("test.build.data", folder.resolve("data").toString());
    Configuration settings = new YarnConfiguration();
    settings.set("hdfs.minidfs.basedir", folder.resolve("hdfs").toString());
    settings.set("hadoop.tmp.dir", folder.resolve("tmp").toString());
    settings.set("yarn.scheduler.capacity.root.queues", "default");
    settings.set("yarn.scheduler.capacity.root.default.capacity", "100");
    settings.set("yarn.scheduler.capacity.maximum-am-resource-percent", "1");
    settings.setInt("yarn.scheduler.minimum-allocation-mb", 64);
    settings.setInt("yarn.minicluster.yarn.nodemanager.resource.memory-mb", NODE_MEGABYTES);
    // Containers that take more memory than they have asked for are killed.
    settings.setBoolean("yarn.minicluster.control-resource-monitoring", true);
    settings.setBoolean("yarn.nodemanager.vmem-check-enabled", false);
    settings.setBoolean("yarn.nodemanager.resource.memory.enforced", false);
    settings.setInt("yarn.nodemanager.container-monitor.interval-ms", 300);
    settings.setInt("yarn.nodemanager.delete.debug-delay-sec", 0);
    // The tests need little of a disk that others may have filled.
    settings.setFloat(
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", 100);
    settings.setInt("dfs.namenode.resource.du.reserved", 0);

    MiniDFSCluster hdfs = new MiniDFSCluster.Builder(settings).numDataNodes(1).build();
    hdfs.waitActive();
    MiniYARNCluster yarn = new MiniYARNCluster("yarn", NODES, 1, 1);
    yarn.init(settings);
    yarn.start();
    if (!yarn.waitForNodeManagersToConnect(START_MILLIS)) {
      throw new IOException("the node managers do not answer");
    }
    Path conf = Files.createDirectories(folder.resolve("conf"));
    write(conf.resolve("core-site.xml"), yarn.getConfig(), "fs.defaultFS");
    write(
        conf.resolve("yarn-site.xml"),
        yarn.getConfig(),
        "yarn.resourcemanager.address",
        "yarn.resourcemanager.scheduler.address",
        "yarn.resourcemanager.webapp.address");
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(yarn)));
    answers.println("ready " + hdfs.getURI());
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split("\t");
      hdfs.getFileSystem()
          .copyToLocalFile(
              false,
              new org.apache.hadoop.fs.Path(words[0]),
              new org.apache.hadoop.fs.Path(words[1]),
              true);
      answers.println("copied " + line);
    }
    System.exit(0);
  }

  private static void stop(MiniYARNCluster yarn) {
    Thread stop = new Thread(yarn::stop);
    stop.setDaemon(true);
    stop.start();
    try {
      stop.join(TimeUnit.SECONDS.toMillis(STOP_SECONDS));
    } catch (InterruptedException e) {
      // The rest is quick.
    }
    ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
  }

  private static void write(Path file, Configuration all, String... names) throws IOException {
    Configuration some = new Configuration(false);
    for (String name : names) {
      some.set(name, all.get(name));
    }
    try (OutputStream out = Files.newOutputStream(file)) {
      some.writeXml(out);
    }
  }
}
