#!/bin/sh
exec "$(dirname "$0")/bootstrap.sh" rollback "$@"
