#!/usr/bin/env bash
# Builds the peer that the engine is measured against and checked by: llama.cpp, from the sources inside the PyPI
# package llama-cpp-python (pinned), with native CPU flags. All tools take about 13 minutes on two cores, once a machine.
#   scripts/peers/llama.cpp.sh DIR            DIR/bin gets llama-bench, llama-batched-bench, llama-server,
#                                             llama-perplexity, llama-quantize, llama-tokenize, llama-cli
#   scripts/peers/llama.cpp.sh DIR TARGET…    builds only these; "llama" is the library that scripts/expectations.py loads
# It leaves in DIR also: python (an environment with what expectations.py needs) and binding (the Python binding).
# Needs: python3 with venv, g++. JOBS=1 keeps a busy machine usable. ISA=avx2 builds for processors that have AVX2, FMA,
# F16C and BMI2 and nothing beyond; such a build needs a DIR of its own.
set -euo pipefail
dir=$(mkdir -p "${1:?usage: $0 DIR [TARGET…]}" && cd "$1" && pwd)
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(llama-bench llama-batched-bench llama-server llama-perplexity llama-quantize llama-tokenize llama-cli)
version=0.3.36
sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
sources=llama_cpp_python-$version

cd "$dir"
if [ ! -x python/bin/ninja ]; then
  python3 -m venv python
  # scikit-build-core is here because pip asks the sources for their metadata; isolated, it would compile cmake first.
  python/bin/pip install -q cmake==4.4.4 ninja==1.13.2 numpy==2.4.6 jinja2==3.1.6 diskcache==5.6.3 typing_extensions==4.16.0 scikit-build-core==1.1.2
fi
export PATH=$dir/python/bin:$PATH
if [ ! -f "$sources/CMakeLists.txt" ]; then
  python/bin/pip download -q --no-deps --no-build-isolation --no-binary :all: "llama-cpp-python==$version"
  echo "$sha256  $sources.tar.gz" | sha256sum -c --quiet
  tar xzf "$sources.tar.gz"
fi
ln -sfn "$sources" binding
ln -sfn ../../build/bin binding/llama_cpp/lib
if [ ! -f build/build.ninja ]; then
  # Without AMX: at this commit its kernels crash on this project's models, and most machines have none.
  no_amx=
  [ "$(uname -m)" != x86_64 ] || no_amx="-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
  case "${ISA:-native}" in
    native) isa=(-DGGML_NATIVE=ON) ;;
    avx2) isa=(-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON) ;;
    *) echo "$0: ISA=$ISA is neither native nor avx2" >&2; exit 2 ;;
  esac
  cmake -S "$sources/vendor/llama.cpp" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS="$no_amx" -DCMAKE_CXX_FLAGS="$no_amx" \
    -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_WEBUI=OFF -DLLAMA_BUILD_UI=OFF "${isa[@]}" >cmake.log
fi
ninja -C build ${JOBS:+-j"$JOBS"} "${targets[@]}"
ln -sfn build/bin bin
