#!/bin/sh
# The power button. Nothing is ever written, so there is nothing to put away first.
echo "guest: down, the power button was pressed" >/dev/console
exec poweroff -f
