package io.sluice.spark.start;

import io.fabric8.kubernetes.api.model.ContainerStateWaiting;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.NonNamespaceOperation;
import io.fabric8.kubernetes.client.dsl.PodResource;
import java.util.Comparator;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.k8s.KubernetesUtils;
import org.apache.spark.deploy.k8s.SparkKubernetesClientFactory;
import scala.Option;

/**
 * The pods of a command's executors, looked at while none has started. Spark deletes a pod that has
 * ended, so what was last seen of them is kept.
 */
final class ExecutorPods implements AutoCloseable {
  /** Marks the pods of one connection. */
  private static final String LABEL = "sluice-run";

  private static final String NAMESPACE = "spark.kubernetes.namespace";

  /** A pod that has ended is there for about a second. */
  private static final long LOOK_MILLIS = 400;

  /** Lines at the end of a log that are shown. */
  private static final int LINES = 3;

  /** How often Spark tries a task. */
  private static final int TRIES = 4;

  /** The status of an answer. */
  private static final int FORBIDDEN = 403;

  /** States of a container that is on its way. */
  private static final Set<String> USUAL = Set.of("ContainerCreating", "PodInitializing");

  private final KubernetesClient client;
  private final String namespace;
  private final String run;
  private volatile String obstacle;
  private volatile String ended;
  private volatile boolean closed;

  private ExecutorPods(KubernetesClient client, String namespace, String run) {
    this.client = client;
    this.namespace = namespace;
    this.run = run;
  }

  /**
   * Begins to look, if executors will be pods.
   *
   * @param conf of a connection that is not there yet; it gets a label for its pods
   * @return empty if Kubernetes is not the cluster
   */
  static Optional<ExecutorPods> watch(SparkConf conf) {
    String master = conf.get("spark.master", "");
    if (!master.startsWith("k8s://")) {
      return Optional.empty();
    }
    // Spark ends the driver without a word of the command's when more executors have ended than
    // this.
    // A task that ends its executor fails four times before that, also with one in each.
    int executors = conf.getInt("spark.executor.instances", 1);
    conf.setIfMissing("spark.executor.maxNumFailures", Integer.toString(TRIES * executors + TRIES));
    String run = UUID.randomUUID().toString();
    conf.set("spark.kubernetes.executor.label." + LABEL, run);
    String namespace = conf.get(NAMESPACE, "default");
    KubernetesClient client =
        SparkKubernetesClientFactory.createKubernetesClient(
            KubernetesUtils.parseMasterUrl(master),
            Option.apply(namespace),
            "spark.kubernetes.authenticate",
            SparkKubernetesClientFactory.ClientType$.MODULE$.Driver(),
            conf,
            Option.empty());
    ExecutorPods pods = new ExecutorPods(client, namespace, run);
    Thread.ofVirtual().start(pods::look);
    return Optional.of(pods);
  }

  private void look() {
    try {
      while (!closed) {
        try {
          pods().withLabel(LABEL, run).list().getItems().forEach(this::look);
        } catch (KubernetesClientException e) {
          obstacle = refusal(e);
        }
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IllegalStateException e) {
      // Closed while it asked.
    }
  }

  private void look(Pod pod) {
    Optional<String> found = ended(pod).map(code -> code + end(pod).orElse(""));
    found.ifPresent(said -> ended = said);
    if (found.isEmpty()) {
      obstacle(pod, () -> warning(pod)).ifPresent(said -> obstacle = said);
    }
  }

  private NonNamespaceOperation<Pod, PodList, PodResource> pods() {
    return client.pods().inNamespace(namespace);
  }

  /**
   * What keeps executors from starting, as Kubernetes says it of one of the pods.
   *
   * @return a clause of one line that names the pod; empty if nothing is known
   */
  Optional<String> obstacle() {
    return Optional.ofNullable(ended == null ? obstacle : ended);
  }

  private static String refusal(KubernetesClientException failure) {
    boolean said = failure.getStatus() != null && failure.getStatus().getMessage() != null;
    String reason = line(said ? failure.getStatus().getMessage() : failure.getMessage());
    return failure.getCode() == FORBIDDEN
        ? reason + "; give the driver's pod a service account with the role edit"
        : reason;
  }

  /** The last warning among the events of a pod: only they say what is wrong with a volume. */
  private Optional<String> warning(Pod pod) {
    try {
      return client
          .v1()
          .events()
          .inNamespace(namespace)
          .withField("involvedObject.uid", pod.getMetadata().getUid())
          .list()
          .getItems()
          .stream()
          .filter(event -> "Warning".equals(event.getType()))
          .max(Comparator.comparing(event -> String.valueOf(event.getLastTimestamp())))
          .map(ExecutorPods::text);
    } catch (KubernetesClientException e) {
      // Not every account of a driver may read them.
      return Optional.empty();
    }
  }

  private static String text(Event event) {
    return event.getReason() + ": " + line(event.getMessage());
  }

  /** The end of a pod's log. */
  private Optional<String> end(Pod pod) {
    try {
      String log = pods().withName(pod.getMetadata().getName()).tailingLines(LINES).getLog();
      return log == null || log.isBlank()
          ? Optional.empty()
          : Optional.of("; its log ends with: " + line(log));
    } catch (KubernetesClientException e) {
      // It is gone.
      return Optional.empty();
    }
  }

  /** How a pod has ended, if it has. */
  static Optional<String> ended(Pod pod) {
    return pod.getStatus().getContainerStatuses().stream()
        .map(container -> container.getState().getTerminated())
        .filter(Objects::nonNull)
        .map(
            end ->
                name(pod)
                    + " has ended with exit code "
                    + end.getExitCode()
                    + " ("
                    + end.getReason()
                    + ")")
        .findFirst();
  }

  /**
   * What keeps a pod that has not ended from being an executor.
   *
   * @param warning asks for the last one of Kubernetes about this pod
   */
  static Optional<String> obstacle(Pod pod, Supplier<Optional<String>> warning) {
    for (PodCondition condition : pod.getStatus().getConditions()) {
      if (condition.getType().equals("PodScheduled")
          && "False".equals(condition.getStatus())
          && condition.getMessage() != null) {
        return Optional.of(name(pod) + " gets no machine: " + line(condition.getMessage()));
      }
    }
    for (ContainerStatus container : pod.getStatus().getContainerStatuses()) {
      ContainerStateWaiting waiting = container.getState().getWaiting();
      if (waiting != null && !USUAL.contains(waiting.getReason())) {
        return Optional.of(
            name(pod) + " waits: " + waiting.getReason() + ": " + line(waiting.getMessage()));
      }
      if (container.getState().getRunning() != null) {
        return Optional.of(
            name(pod) + " runs and has not reached the driver; its log ('kubectl logs') says why");
      }
    }
    return warning.get().map(said -> name(pod) + " waits: " + said);
  }

  private static String name(Pod pod) {
    return "pod " + pod.getMetadata().getName();
  }

  private static String line(String message) {
    return String.valueOf(message).strip().replaceAll("\\s*\\R\\s*", " ");
  }

  /** Ends looking. */
  @Override
  public void close() {
    closed = true;
    client.close();
  }
}
