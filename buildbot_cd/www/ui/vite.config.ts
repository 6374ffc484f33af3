// SPDX-License-Identifier: GPL-2.0-only
// One UMD file and one style sheet, under the two fixed names that Buildbot's page asks for.
// What Buildbot's own bundle offers as globals stays outside: one React in the page, not two.
import { defineConfig } from 'vitest/config';

const GLOBALS = {
  'react': 'React',
  'react-dom': 'ReactDOM',
  'react-router-dom': 'ReactRouterDOM',
  'buildbot-plugin-support': 'BuildbotPluginSupport',
};

export default defineConfig({
  define: { 'process.env.NODE_ENV': '"production"' },
  esbuild: { jsx: 'transform', legalComments: 'none' },
  build: {
    outDir: process.env.CD_UI_OUT ?? '../static',
    emptyOutDir: true,
    target: 'es2021',
    sourcemap: false,
    reportCompressedSize: false,
    cssCodeSplit: false,
    lib: { entry: 'src/index.tsx', formats: ['umd'], name: 'buildbotCd', fileName: () => 'scripts.js', cssFileName: 'styles' },
    rollupOptions: {
      external: Object.keys(GLOBALS),
      output: { globals: GLOBALS, assetFileNames: '[name][extname]' },
    },
  },
  test: { environment: 'node', include: ['test/**/*.test.ts', 'test/**/*.test.tsx'] },
});
