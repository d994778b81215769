package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Texts are those that Spark 4.2 has given on Kubernetes 1.34 and on workers of its own. */
class TaskFailureTest {
  private static final String ABORTED =
      "Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, most recent failure:"
          + " Lost task 0.3 in stage 0.0 (TID 4) (10.88.0.32 executor 4): ExecutorLostFailure"
          + " (executor 4 exited caused by one of the running tasks) Reason: ";

  @Test
  void aPodThatTookTooMuchMemoryIsNamedInOneLine() {
    String kubernetes =
        """

        The executor with id 4 exited with exit code 137(SIGKILL, possible container OOM).



        The API gave the following container statuses:


        \t container name: spark-kubernetes-executor
        \t container image: docker.io/registry/executors:latest
        \t container state: terminated
        \t exit code: 137
        \t termination reason: OOMKilled
        \s\s\s\s\s\s
        Driver stacktrace:
        \tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages
        """;
    assertThat(TaskFailure.of(new IllegalStateException(ABORTED + kubernetes), null))
        .hasMessage(
            "a task was lost with its executor as often as Spark tries, the last time with executor"
                + " 4: The executor with id 4 exited with exit code 137(SIGKILL, possible container"
                + " OOM). termination reason: OOMKilled; give executors more memory outside the"
                + " heap, with '-- --conf spark.executor.memoryOverhead=4g'");
  }

  @Test
  void anExecutorThatIsLostOtherwiseHasItsReason() {
    assertThat(TaskFailure.of(new IllegalStateException(ABORTED + "worker lost"), null))
        .hasMessageEndingWith("executor 4: worker lost");
  }
}
