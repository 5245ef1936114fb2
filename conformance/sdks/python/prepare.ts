// What the Python worker needs before it can start: a venv with its packages, and generated code.
import { preparePython } from '../../generate/languages.ts';

preparePython();
