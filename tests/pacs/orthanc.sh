#!/usr/bin/env bash
# A real archive (Orthanc with DICOMweb) for the tests, on 127.0.0.1 only; its user is `user`, the password `pass`.
#   orthanc.sh start FOLDER    prints the address of DICOMweb
#   orthanc.sh stop FOLDER
# Exits with 77 where Orthanc is missing (Debian: orthanc orthanc-dicomweb).
set -euo pipefail
action=${1:?start or stop}
folder=${2:?folder}
here=$(cd "$(dirname "$0")" && pwd)

if [ "$action" = stop ]; then
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || exit 0
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || exit 0; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null || true
  exit 0
fi

plugin=$(ls /usr/share/orthanc/plugins/libOrthancDicomWeb.so /usr/lib/*/orthanc/plugins/libOrthancDicomWeb.so 2>/dev/null | head -n 1 || true)
for program in Orthanc curl cc; do
  command -v "$program" > /dev/null || { echo "no $program" >&2; exit 77; }
done
[ -n "$plugin" ] || { echo "no DICOMweb plugin of Orthanc" >&2; exit 77; }

mkdir -p "$folder/storage"
folder=$(cd "$folder" && pwd)
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
cat > "$folder/orthanc.json" <<CONF
{ "Name": "test", "StorageDirectory": "$folder/storage", "IndexDirectory": "$folder/storage",
  "HttpPort": $port, "DicomServerEnabled": false, "RemoteAccessAllowed": false,
  "AuthenticationEnabled": true, "RegisteredUsers": { "user": "pass" }, "Plugins": ["$plugin"],
  "DicomWeb": { "Enable": true, "Root": "/dicom-web/", "Host": "127.0.0.1:$port", "Ssl": false } }
CONF
# Orthanc listens on every interface and has no setting for it.
cc -shared -fPIC -o "$folder/loopback.so" "$here/../slurm/loopback.c" -ldl
LD_PRELOAD="$folder/loopback.so" Orthanc "$folder/orthanc.json" > "$folder/log" 2>&1 &
echo $! > "$folder/pid"
for _ in $(seq 150); do
  if curl -fsS -u user:pass "http://127.0.0.1:$port/system" > /dev/null 2>&1; then
    echo "http://127.0.0.1:$port/dicom-web"
    exit 0
  fi
  kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
  sleep 0.2
done
tail -n 20 "$folder/log" >&2
exit 1
