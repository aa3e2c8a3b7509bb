/** The code editor, which few views need: loaded with them. */
export { CodeEditor, type CodeLanguage, languageOf } from './domain/code-editor.tsx';
